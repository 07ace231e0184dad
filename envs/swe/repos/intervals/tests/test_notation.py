import pytest

from intervals import Interval, IntervalSet, format_set, parse_interval, parse_set


def test_both_bounds_are_included():
    assert parse_interval("3-5") == Interval(3, 6)


def test_single_point():
    assert parse_interval("7") == Interval(7, 8)


def test_spaces_do_not_matter():
    assert parse_interval(" 3 - 5 ") == Interval(3, 6)


def test_negative_bounds():
    assert parse_interval("-4") == Interval(-4, -3)
    assert parse_interval("-4--2") == Interval(-4, -1)


def test_open_interval_goes_on_to_the_last_point():
    assert parse_interval("5-", last=9) == Interval(5, 10)


def test_open_interval_needs_a_last_point():
    with pytest.raises(ValueError, match="open"):
        parse_interval("5-")


def test_last_point_does_not_matter_for_closed_intervals():
    assert parse_interval("5-6", last=9) == Interval(5, 7)


def test_descending_range_is_refused():
    assert parse_interval("5-5") == Interval(5, 6)
    with pytest.raises(ValueError, match="descends"):
        parse_interval("5-4")


@pytest.mark.parametrize("text", ["", "1-2-3", "1..2"], ids=["nothing", "three", "dots"])
def test_other_notations_are_refused(text):
    with pytest.raises(ValueError, match="no interval"):
        parse_interval(text)


def test_set_of_several_parts():
    assert parse_set("1-3, 7,5-", last=6) == IntervalSet.of((1, 4), (5, 8))


def test_nothing_is_the_empty_set():
    assert parse_set("  ") == IntervalSet()


def test_format_single_points_and_ranges():
    assert format_set(IntervalSet.of((1, 2), (4, 9))) == "1, 4-8"


def test_format_of_two_neighbours():
    assert format_set(IntervalSet.of((4, 6))) == "4-5"


def test_format_is_read_back():
    points = IntervalSet.of((-5, -2), (0, 1), (7, 12))
    assert parse_set(format_set(points)) == points
