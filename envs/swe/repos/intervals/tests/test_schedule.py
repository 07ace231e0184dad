from intervals import Interval, assign_rooms, best_value, most_compatible


def test_short_intervals_are_preferred_to_one_long():
    assert most_compatible([Interval(0, 9), Interval(1, 3), Interval(4, 6)]) == [Interval(1, 3), Interval(4, 6)]


def test_neighbours_are_compatible():
    assert most_compatible([Interval(3, 5), Interval(1, 3)]) == [Interval(1, 3), Interval(3, 5)]


def test_overlapping_intervals_are_not_compatible():
    assert most_compatible([Interval(2, 5), Interval(1, 3)]) == [Interval(1, 3)]


def test_empty_intervals_are_not_chosen():
    assert most_compatible([Interval(2, 2)]) == []


def test_best_value_prefers_the_valuable_one():
    values = {Interval(0, 3): 2, Interval(2, 5): 5, Interval(4, 6): 2}
    assert best_value(values) == (5, [Interval(2, 5)])


def test_best_value_adds_neighbours():
    values = {Interval(0, 3): 3, Interval(2, 5): 5, Interval(3, 6): 3}
    assert best_value(values) == (6, [Interval(0, 3), Interval(3, 6)])


def test_best_value_of_a_chain():
    values = {Interval(0, 2): 1, Interval(1, 4): 4, Interval(3, 6): 4, Interval(4, 8): 2, Interval(6, 9): 3}
    assert best_value(values) == (8, [Interval(0, 2), Interval(3, 6), Interval(6, 9)])


def test_best_value_of_nothing():
    assert best_value({}) == (0, [])


def test_overlapping_meetings_need_two_rooms():
    rooms = assign_rooms([Interval(0, 3), Interval(2, 5)])
    assert rooms == [[Interval(0, 3)], [Interval(2, 5)]]


def test_room_is_free_when_its_meeting_ends():
    assert assign_rooms([Interval(0, 3), Interval(3, 5)]) == [[Interval(0, 3), Interval(3, 5)]]


def test_lowest_free_room_is_taken():
    rooms = assign_rooms([Interval(0, 4), Interval(0, 2), Interval(1, 2), Interval(5, 6)])
    assert rooms == [[Interval(0, 2), Interval(5, 6)], [Interval(0, 4)], [Interval(1, 2)]]
