from fractions import Fraction

import pytest

from money import round_fraction, round_to_step

NUMBERS = [Fraction(number) for number in ("-2.5", "-1.5", "-1.2", "1.2", "1.5", "1.7", "2.5")]


def rounded(rule):
    return [round_fraction(number, rule) for number in NUMBERS]


def test_half_even_goes_to_the_even_neighbour():
    assert rounded("half_even") == [-2, -2, -1, 1, 2, 2, 2]


def test_half_up_goes_away_from_zero():
    assert rounded("half_up") == [-3, -2, -1, 1, 2, 2, 3]


def test_half_down_goes_toward_zero():
    assert rounded("half_down") == [-2, -1, -1, 1, 1, 2, 2]


def test_up_is_away_from_zero():
    assert rounded("up") == [-3, -2, -2, 2, 2, 2, 3]


def test_down_is_toward_zero():
    assert rounded("down") == [-2, -1, -1, 1, 1, 1, 2]


def test_ceiling():
    assert rounded("ceiling") == [-2, -1, -1, 2, 2, 2, 3]


def test_floor():
    assert rounded("floor") == [-3, -2, -2, 1, 1, 1, 2]


def test_whole_numbers_stay():
    assert [round_fraction(3, rule) for rule in ("up", "down", "ceiling", "floor", "half_up")] == [3] * 5


def test_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="bankers"):
        round_fraction(Fraction(1, 3), "bankers")


def test_round_to_a_step():
    assert [round_to_step(amount, 5) for amount in (12, 13, -13, 15)] == [10, 15, -15, 15]


def test_middle_of_a_step_follows_the_rule():
    assert round_to_step(25, 10) == 30
    assert round_to_step(25, 10, "half_even") == 20


def test_step_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        round_to_step(10, 0)
