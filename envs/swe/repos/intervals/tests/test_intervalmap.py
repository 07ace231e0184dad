import pytest

from intervals import Interval, IntervalMap


def filled(*entries):
    made = IntervalMap()
    for start, end, value in entries:
        made[Interval(start, end)] = value
    return made


def content(mapping):
    return [(part.start, part.end, value) for part, value in mapping]


def test_value_of_a_point():
    mapping = filled((0, 3, "a"), (5, 8, "b"))
    assert [mapping[0], mapping[2], mapping[5]] == ["a", "a", "b"]


def test_point_without_value():
    with pytest.raises(KeyError, match="3"):
        filled((0, 3, "a"), (5, 8, "b"))[3]


def test_get_falls_back_to_the_default():
    mapping = filled((0, 3, "a"), (5, 8, "b"))
    assert [mapping.get(point, "z") for point in (-1, 0, 2, 3, 7, 8)] == ["z", "a", "a", "z", "b", "z"]
    assert mapping.get(3) is None


def test_later_values_cut_earlier_ones():
    assert content(filled((0, 9, "a"), (3, 5, "b"))) == [(0, 3, "a"), (3, 5, "b"), (5, 9, "a")]


def test_later_values_cover_earlier_ones():
    assert content(filled((3, 5, "a"), (6, 7, "c"), (0, 9, "b"))) == [(0, 9, "b")]


def test_neighbours_with_the_same_value_are_joined():
    assert content(filled((0, 3, "a"), (3, 5, "a"))) == [(0, 5, "a")]


def test_only_neighbours_with_the_same_value_are_joined():
    assert len(filled((0, 3, "a"), (4, 5, "a"))) == 2
    assert len(filled((0, 3, "a"), (3, 5, "b"))) == 2


def test_empty_interval_sets_nothing():
    assert len(filled((3, 3, "a"))) == 0


def test_items_are_in_ascending_order():
    assert content(filled((5, 6, "b"), (0, 1, "a"))) == [(0, 1, "a"), (5, 6, "b")]


def test_delete_leaves_a_hole():
    mapping = filled((0, 9, "a"))
    del mapping[Interval(2, 4)]
    assert content(mapping) == [(0, 2, "a"), (4, 9, "a")]


def test_delete_leaves_neighbours_alone():
    mapping = filled((0, 2, "a"), (4, 6, "b"))
    del mapping[Interval(2, 4)]
    assert content(mapping) == [(0, 2, "a"), (4, 6, "b")]


def test_values_in_an_interval():
    mapping = filled((0, 2, "a"), (2, 4, "b"), (6, 8, "c"))
    assert mapping.values_in(Interval(1, 6)) == ["a", "b"]
