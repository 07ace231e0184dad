import pytest

from intervals import Interval, IntervalSet


def bounds(points):
    return [(part.start, part.end) for part in points]


def test_overlapping_intervals_are_merged():
    assert bounds(IntervalSet.of((4, 8), (1, 5))) == [(1, 8)]


def test_touching_intervals_are_merged():
    assert bounds(IntervalSet.of((1, 3), (3, 5))) == [(1, 5)]


def test_intervals_with_a_gap_stay_apart():
    assert bounds(IntervalSet.of((1, 3), (4, 5))) == [(1, 3), (4, 5)]


def test_an_interval_within_another_is_absorbed():
    assert bounds(IntervalSet.of((1, 9), (3, 4))) == [(1, 9)]


def test_empty_intervals_are_dropped():
    assert not IntervalSet.of((3, 3))


def test_size_counts_each_integer_once():
    assert IntervalSet.of((1, 4), (2, 6), (8, 9)).size == 6


def test_span_of_several_intervals():
    assert IntervalSet.of((5, 6), (1, 2)).span == Interval(1, 6)


def test_empty_set_has_no_span():
    assert IntervalSet().span is None


def test_equal_sets_have_equal_hashes():
    left, right = IntervalSet.of((1, 3), (3, 4)), IntervalSet.of((1, 4))
    assert left == right
    assert hash(left) == hash(right)


def test_set_differs_from_other_types():
    assert IntervalSet() != ()


def test_points_inside():
    assert all(point in IntervalSet.of((1, 3), (5, 6)) for point in (1, 2, 5))


def test_points_outside():
    assert not any(point in IntervalSet.of((1, 3), (5, 6)) for point in (0, 3, 4, 6))


def test_find_returns_the_interval_of_a_point():
    assert IntervalSet.of((1, 3), (5, 8)).find(5) == Interval(5, 8)


def test_covers_needs_all_points():
    points = IntervalSet.of((1, 3), (5, 8))
    assert points.covers(Interval(5, 8))
    assert not points.covers(Interval(2, 6))
    assert not points.covers(Interval(4, 5))


def test_every_set_covers_an_empty_interval():
    assert IntervalSet().covers(Interval(3, 3))


def test_union():
    assert IntervalSet.of((1, 3)) | IntervalSet.of((3, 5), (7, 8)) == IntervalSet.of((1, 5), (7, 8))


def test_intersection_of_several_intervals():
    left, right = IntervalSet.of((0, 5), (8, 12)), IntervalSet.of((3, 9), (11, 20))
    assert left & right == IntervalSet.of((3, 5), (8, 9), (11, 12))


def test_intersection_when_one_interval_meets_many():
    assert IntervalSet.of((0, 20)) & IntervalSet.of((1, 2), (5, 6)) == IntervalSet.of((1, 2), (5, 6))


def test_difference_cuts_holes():
    assert IntervalSet.of((0, 10)) - IntervalSet.of((2, 4), (8, 20)) == IntervalSet.of((0, 2), (4, 8))


def test_difference_from_the_empty_set():
    assert IntervalSet() - IntervalSet.of((1, 2)) == IntervalSet()


def test_symmetric_difference():
    assert IntervalSet.of((0, 5)) ^ IntervalSet.of((3, 8)) == IntervalSet.of((0, 3), (5, 8))


def test_neighbours_are_disjoint():
    assert IntervalSet.of((0, 5)).isdisjoint(IntervalSet.of((5, 8)))
    assert not IntervalSet.of((0, 6)).isdisjoint(IntervalSet.of((5, 8)))


def test_complement_within_an_interval():
    assert IntervalSet.of((2, 4), (6, 7)).complement(Interval(0, 9)) == IntervalSet.of((0, 2), (4, 6), (7, 9))


def test_complement_ignores_what_lies_outside():
    assert IntervalSet.of((0, 2), (3, 5), (9, 12)).complement(Interval(2, 9)) == IntervalSet.of((2, 3), (5, 9))


def test_complement_where_bounds_are_crossed():
    assert IntervalSet.of((0, 4), (8, 12)).complement(Interval(2, 9)) == IntervalSet.of((4, 8))


def test_gaps_lie_between():
    assert IntervalSet.of((0, 1), (3, 4), (9, 10)).gaps() == IntervalSet.of((1, 3), (4, 9))


def test_empty_set_has_no_gaps():
    assert not IntervalSet().gaps()


def test_close_gaps_up_to_a_length():
    assert IntervalSet.of((0, 1), (3, 4), (9, 10)).close_gaps(2) == IntervalSet.of((0, 4), (9, 10))


def test_without_short_keeps_the_exact_length():
    assert IntervalSet.of((0, 1), (3, 5), (7, 10)).without_short(2) == IntervalSet.of((3, 5), (7, 10))


def test_nth_from_the_start():
    assert [IntervalSet.of((1, 3), (5, 7)).nth(index) for index in range(4)] == [1, 2, 5, 6]


def test_nth_from_the_end():
    assert [IntervalSet.of((1, 3), (5, 7)).nth(index) for index in (-1, -2, -4)] == [6, 5, 1]


def test_nth_beyond_the_end():
    with pytest.raises(IndexError, match="beyond the end"):
        IntervalSet.of((1, 3), (5, 7)).nth(4)
    with pytest.raises(IndexError, match="beyond the end"):
        IntervalSet.of((1, 3), (5, 7)).nth(-5)


def test_representation_lists_the_intervals():
    assert repr(IntervalSet.of((1, 3), (5, 7))) == "IntervalSet([1, 3), [5, 7))"
