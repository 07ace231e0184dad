import pytest

from intervals import Interval


def test_end_before_start_is_refused():
    with pytest.raises(ValueError, match="before its start"):
        Interval(3, 2)


def test_length_counts_the_points():
    assert len(Interval(2, 7)) == 5


def test_only_an_empty_interval_is_false():
    assert not Interval(4, 4)
    assert Interval(4, 5)


def test_iteration_yields_the_points():
    assert list(Interval(-1, 2)) == [-1, 0, 1]


def test_start_is_inside_and_end_is_not():
    assert [point in Interval(2, 5) for point in (1, 2, 4, 5)] == [False, True, True, False]


def test_other_things_are_not_inside():
    assert "3" not in Interval(2, 5)


def test_intervals_sort_by_start_then_end():
    assert sorted([Interval(2, 3), Interval(1, 9), Interval(1, 2)]) == [Interval(1, 2), Interval(1, 9), Interval(2, 3)]


def test_interval_covers_itself_and_no_longer_one():
    assert Interval(1, 4).covers(Interval(1, 4))
    assert not Interval(1, 4).covers(Interval(1, 5))
    assert not Interval(1, 4).covers(Interval(0, 4))


def test_every_interval_covers_an_empty_one():
    assert Interval(1, 2).covers(Interval(9, 9))


def test_neighbours_do_not_overlap():
    assert not Interval(1, 4).overlaps(Interval(4, 6))
    assert not Interval(4, 6).overlaps(Interval(1, 4))


def test_intervals_with_a_shared_point_overlap():
    assert Interval(1, 5).overlaps(Interval(4, 6))


def test_neighbours_touch_on_both_sides():
    assert Interval(1, 4).touches(Interval(4, 6))
    assert Interval(4, 6).touches(Interval(1, 4))


def test_intervals_with_a_point_between_do_not_touch():
    assert not Interval(1, 4).touches(Interval(5, 6))
    assert not Interval(5, 6).touches(Interval(1, 4))


def test_interval_precedes_its_neighbour():
    assert Interval(1, 4).precedes(Interval(4, 5))
    assert not Interval(1, 4).precedes(Interval(3, 5))


def test_intersection_has_the_shared_points():
    assert Interval(1, 6).intersection(Interval(4, 9)) == Interval(4, 6)


def test_neighbours_have_no_intersection():
    assert Interval(1, 4).intersection(Interval(4, 9)) is None


def test_hull_includes_what_lies_between():
    assert Interval(7, 9).hull(Interval(1, 2)) == Interval(1, 9)


def test_hull_ignores_an_empty_interval():
    assert Interval(3, 3).hull(Interval(5, 6)) == Interval(5, 6)
    assert Interval(5, 6).hull(Interval(3, 3)) == Interval(5, 6)


def test_distance_counts_the_points_between():
    assert Interval(1, 4).distance(Interval(6, 8)) == 2
    assert Interval(6, 8).distance(Interval(1, 3)) == 3


def test_distance_of_overlapping_intervals_is_zero():
    assert Interval(1, 4).distance(Interval(2, 8)) == 0


def test_shift_moves_both_bounds():
    assert Interval(1, 4).shift(-3) == Interval(-2, 1)


def test_grow_is_the_same_on_both_sides_by_default():
    assert Interval(4, 6).grow(2) == Interval(2, 8)


def test_grow_by_different_amounts():
    assert Interval(4, 6).grow(1, 3) == Interval(3, 9)
    assert Interval(4, 6).grow(1, 0) == Interval(3, 6)


def test_shrinking_by_too_much_leaves_nothing():
    assert Interval(4, 6).grow(-1) == Interval(5, 5)
    assert Interval(4, 6).grow(-3) == Interval(4, 4)


def test_split_inside():
    assert Interval(1, 6).split(3) == (Interval(1, 3), Interval(3, 6))


def test_split_outside_leaves_one_side_empty():
    assert Interval(1, 6).split(0) == (Interval(1, 1), Interval(1, 6))
    assert Interval(1, 6).split(9) == (Interval(1, 6), Interval(6, 6))


def test_last_chunk_may_be_shorter():
    assert Interval(0, 5).chunks(2) == [Interval(0, 2), Interval(2, 4), Interval(4, 5)]


def test_chunks_need_a_positive_size():
    with pytest.raises(ValueError, match="positive"):
        Interval(0, 5).chunks(0)


def test_text_shows_which_bound_is_included():
    assert str(Interval(1, 4)) == "[1, 4)"
