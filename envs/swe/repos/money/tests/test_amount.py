from fractions import Fraction

import pytest

from money import CurrencyMismatchError, Money
from money.amount import total


def eur(amount):
    return Money.of(amount, "EUR")


def minors(amounts):
    return [amount.minor for amount in amounts]


def test_major_units_become_minor_ones():
    assert eur("12.34").minor == 1234
    assert Money.of(500, "JPY").minor == 500
    assert Money.of("1.234", "KWD").minor == 1234


def test_too_many_decimal_places_need_a_rule():
    with pytest.raises(ValueError, match="name a rounding rule"):
        eur("0.005")
    assert Money.of("0.005", "EUR", "half_up").minor == 1


def test_major_is_exact():
    assert eur("0.10").major == Fraction(1, 10)


def test_sum_and_difference():
    assert eur("1.10") + eur("2.20") == eur("3.30")
    assert eur("1.10") - eur("2.20") == eur("-1.10")


def test_currencies_do_not_mix():
    with pytest.raises(CurrencyMismatchError, match="EUR and USD"):
        eur(1) + Money.of(1, "USD")
    with pytest.raises(CurrencyMismatchError):
        eur(1) < Money.of(2, "USD")  # noqa: B015


def test_same_number_of_another_currency_differs():
    assert eur(1) != Money.of(1, "USD")


def test_negative_and_absolute_amounts():
    assert -eur(2) == eur(-2)
    assert abs(eur(-2)) == eur(2)


def test_only_nothing_is_false():
    assert not Money.zero("EUR")
    assert eur("0.01")
    assert eur("-0.01")


def test_comparisons():
    assert eur(1) < eur(2)
    assert not eur(2) < eur(2)
    assert eur(2) <= eur(2)
    assert not eur(3) <= eur(2)
    assert eur(2) > eur(1)
    assert not eur(2) > eur(2)
    assert eur(2) >= eur(2)
    assert not eur(1) >= eur(2)


def test_times_rounds_to_minor_units():
    assert eur("10.01").times(Fraction(1, 2)) == eur("5.00")
    assert eur("10.01").times("0.5", "half_up") == eur("5.01")


def test_ratio_is_exact():
    assert eur(1).ratio(eur(3)) == Fraction(1, 3)
    with pytest.raises(ZeroDivisionError):
        eur(1).ratio(eur(0))


def test_allocation_adds_up():
    assert minors(eur("0.05").allocate([3, 7])) == [2, 3]
    assert minors(eur("10").allocate([1, 1, 1])) == [334, 333, 333]


def test_allocation_of_negative_amounts():
    assert minors(eur("-0.05").allocate([1, 1])) == [-3, -2]


def test_share_of_ratio_zero_gets_nothing():
    assert minors(eur("0.05").allocate([0, 1, 1])) == [0, 3, 2]


def test_ratios_must_be_sensible():
    for ratios in ([0, 0], [-1, 2]):
        with pytest.raises(ValueError, match="ratios"):
            eur(1).allocate(ratios)


def test_split_gives_the_first_ones_more():
    assert minors(eur("0.11").split(3)) == [4, 4, 3]
    assert minors(eur("0.11").split(1)) == [11]


def test_split_among_nobody_is_refused():
    with pytest.raises(ValueError, match="among 0"):
        eur(1).split(0)


def test_total():
    assert total([eur(1), eur("2.50")], "EUR") == eur("3.50")
    assert total([], "USD") == Money.zero("USD")
