import pytest

from intervals import Interval, IntervalSet, busiest, depth_at, first_free, profile
from intervals.coverage import covered_at_least

MEETINGS = [Interval(0, 4), Interval(2, 6), Interval(3, 5), Interval(8, 9)]


def test_depth_at_a_point():
    assert [depth_at(MEETINGS, point) for point in (0, 2, 3, 4, 6, 8)] == [1, 2, 3, 2, 0, 1]


def test_profile_lists_stretches_of_equal_depth():
    assert [(part.start, part.end, depth) for part, depth in profile(MEETINGS)] == [
        (0, 2, 1),
        (2, 3, 2),
        (3, 4, 3),
        (4, 5, 2),
        (5, 6, 1),
        (8, 9, 1),
    ]


def test_profile_goes_on_where_one_ends_and_another_begins():
    assert profile([Interval(0, 2), Interval(2, 5)]) == [(Interval(0, 5), 1)]


def test_profile_of_empty_intervals():
    assert profile([Interval(2, 2)]) == []


def test_busiest_stretch():
    assert busiest(MEETINGS) == (Interval(3, 4), 3)


def test_first_of_equally_busy_stretches():
    assert busiest([Interval(5, 6), Interval(0, 1)]) == (Interval(0, 1), 1)


def test_nothing_is_busiest():
    assert busiest([]) is None


def test_covered_at_least_twice():
    assert covered_at_least(MEETINGS, 2) == IntervalSet.of((2, 5))


def test_covered_at_least_once_is_the_union():
    assert covered_at_least(MEETINGS, 1) == IntervalSet(MEETINGS)


def test_depth_of_zero_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        covered_at_least(MEETINGS, 0)


def test_first_free_gap_that_is_long_enough():
    assert first_free(IntervalSet.of((0, 2), (3, 6)), 2, Interval(0, 20)) == Interval(6, 8)


def test_free_gap_of_exactly_the_length():
    assert first_free(IntervalSet.of((0, 2), (4, 6)), 2, Interval(0, 20)) == Interval(2, 4)


def test_nothing_free():
    assert first_free(IntervalSet.of((0, 9)), 2, Interval(0, 10)) is None
