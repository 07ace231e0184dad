from datetime import date

import pytest

from calendars import BusinessCalendar, EasterRule, FixedRule, Holiday

CALENDAR = BusinessCalendar(
    [
        Holiday("new year", FixedRule(1, 1)),
        Holiday("good friday", EasterRule(-2)),
        Holiday("easter monday", EasterRule(1)),
        Holiday("labour day", FixedRule(5, 1)),
        Holiday("ascension", EasterRule(39)),
    ]
)


def test_weekends_are_free():
    assert [CALENDAR.is_business_day(date(2024, 6, day)) for day in range(3, 10)] == [True] * 5 + [False] * 2


def test_holidays_are_free():
    assert CALENDAR.is_holiday(date(2024, 5, 1))
    assert not CALENDAR.is_business_day(date(2024, 5, 1))
    assert not CALENDAR.is_holiday(date(2024, 5, 2))


def test_other_weekends():
    calendar = BusinessCalendar(weekend=(4, 5))
    assert calendar.is_business_day(date(2024, 6, 9))
    assert not calendar.is_business_day(date(2024, 6, 7))


def test_week_must_have_a_business_day():
    assert BusinessCalendar(weekend=range(6)).add(date(2024, 6, 3), 1) == date(2024, 6, 9)
    with pytest.raises(ValueError, match="without business days"):
        BusinessCalendar(weekend=range(7))


def test_business_day_is_not_rolled():
    assert CALENDAR.roll(date(2024, 6, 3)) == date(2024, 6, 3)


def test_roll_following_and_preceding():
    assert CALENDAR.roll(date(2024, 6, 8), "following") == date(2024, 6, 10)
    assert CALENDAR.roll(date(2024, 6, 8), "preceding") == date(2024, 6, 7)


def test_roll_over_holidays_and_weekend():
    assert CALENDAR.roll(date(2024, 3, 29), "following") == date(2024, 4, 2)


def test_modified_conventions_stay_in_the_month():
    assert CALENDAR.roll(date(2024, 3, 30), "modified_following") == date(2024, 3, 28)
    assert CALENDAR.roll(date(2024, 6, 1), "modified_preceding") == date(2024, 6, 3)


def test_modified_conventions_within_a_month():
    assert CALENDAR.roll(date(2024, 6, 8), "modified_following") == date(2024, 6, 10)
    assert CALENDAR.roll(date(2024, 6, 8), "modified_preceding") == date(2024, 6, 7)


def test_add_business_days():
    assert CALENDAR.add(date(2024, 6, 6), 2) == date(2024, 6, 10)
    assert CALENDAR.add(date(2024, 3, 28), 1) == date(2024, 4, 2)


def test_add_from_a_free_day():
    assert CALENDAR.add(date(2024, 6, 8), 1) == date(2024, 6, 10)
    assert CALENDAR.add(date(2024, 6, 8), -1) == date(2024, 6, 7)


def test_subtract_business_days():
    assert CALENDAR.add(date(2024, 6, 10), -2) == date(2024, 6, 6)


def test_add_nothing():
    assert CALENDAR.add(date(2024, 6, 6), 0) == date(2024, 6, 6)
    assert CALENDAR.add(date(2024, 6, 8), 0) == date(2024, 6, 10)


def test_count_leaves_out_the_end():
    assert CALENDAR.count(date(2024, 6, 3), date(2024, 6, 10)) == 5
    assert CALENDAR.count(date(2024, 6, 3), date(2024, 6, 3)) == 0


def test_count_backwards():
    assert CALENDAR.count(date(2024, 5, 6), date(2024, 4, 29)) == -4


def test_days():
    assert list(CALENDAR.days(date(2024, 4, 30), date(2024, 5, 4))) == [
        date(2024, 4, 30),
        date(2024, 5, 2),
        date(2024, 5, 3),
    ]


def test_month_end():
    assert CALENDAR.month_end(date(2024, 3, 1)) == date(2024, 3, 28)
    assert CALENDAR.month_end(date(2024, 4, 30)) == date(2024, 4, 30)


def test_bridges():
    assert CALENDAR.bridges(date(2024, 4, 1), date(2024, 6, 1)) == [date(2024, 5, 10)]
