from datetime import date

import pytest

from calendars import add_months, days_in_month, easter, is_leap, last_weekday, months_between, nth_weekday
from calendars.months import FRIDAY, MONDAY, SUNDAY, age, quarter, quarter_bounds, week_start


def test_leap_years():
    assert [is_leap(year) for year in (1900, 2000, 2023, 2024, 2100)] == [False, True, False, True, False]


def test_days_of_every_month():
    assert [days_in_month(2023, month) for month in range(1, 13)] == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert days_in_month(2024, 2) == 29


def test_there_are_twelve_months():
    for month in (0, 13):
        with pytest.raises(ValueError, match=f"no month {month}"):
            days_in_month(2024, month)


def test_add_months_within_a_year():
    assert add_months(date(2024, 3, 15), 2) == date(2024, 5, 15)


def test_add_months_across_years():
    assert add_months(date(2024, 11, 15), 3) == date(2025, 2, 15)
    assert add_months(date(2024, 2, 15), -14) == date(2022, 12, 15)


def test_add_months_ends_with_the_month():
    assert add_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)


def test_add_months_keeps_the_end():
    assert add_months(date(2024, 2, 29), 1, keep_end=True) == date(2024, 3, 31)
    assert add_months(date(2024, 2, 28), 1, keep_end=True) == date(2024, 3, 28)


def test_months_between():
    assert months_between(date(2024, 1, 15), date(2024, 4, 15)) == 3
    assert months_between(date(2024, 1, 15), date(2024, 4, 14)) == 2
    assert months_between(date(2023, 12, 1), date(2024, 1, 31)) == 1


def test_months_between_backwards():
    assert months_between(date(2024, 4, 15), date(2024, 1, 16)) == -2


def test_months_between_ends_of_months():
    assert months_between(date(2024, 1, 31), date(2024, 2, 29)) == 1
    assert months_between(date(2024, 1, 31), date(2024, 2, 28)) == 0


def test_age_changes_on_the_birthday():
    born = date(1990, 6, 15)
    assert age(born, date(2024, 6, 14)) == 33
    assert age(born, date(2024, 6, 15)) == 34
    assert age(born, date(2024, 5, 20)) == 33


def test_age_of_leap_day_children():
    assert age(date(2000, 2, 29), date(2023, 2, 28)) == 22
    assert age(date(2000, 2, 29), date(2023, 3, 1)) == 23


def test_no_age_before_birth():
    assert age(date(2024, 1, 1), date(2024, 1, 1)) == 0
    with pytest.raises(ValueError, match="before"):
        age(date(2024, 1, 2), date(2024, 1, 1))


def test_nth_weekday():
    assert nth_weekday(2024, 9, MONDAY, 1) == date(2024, 9, 2)
    assert nth_weekday(2024, 9, SUNDAY, 1) == date(2024, 9, 1)
    assert nth_weekday(2024, 11, 3, 4) == date(2024, 11, 28)


def test_nth_weekday_from_the_end():
    assert nth_weekday(2024, 5, MONDAY, -1) == date(2024, 5, 27)
    assert nth_weekday(2024, 5, FRIDAY, -1) == date(2024, 5, 31)
    assert nth_weekday(2024, 5, MONDAY, -4) == date(2024, 5, 6)


def test_nth_weekday_that_does_not_exist():
    assert nth_weekday(2024, 7, MONDAY, 5) == date(2024, 7, 29)
    for n in (5, -5):
        with pytest.raises(ValueError, match="no weekday"):
            nth_weekday(2024, 6, MONDAY, n)


def test_weekdays_are_not_counted_from_zero():
    with pytest.raises(ValueError, match="counted from 1"):
        nth_weekday(2024, 6, MONDAY, 0)


def test_last_weekday():
    assert last_weekday(2024, 2, 3) == date(2024, 2, 29)


def test_quarters():
    assert [quarter(date(2024, month, 1)) for month in (1, 3, 4, 6, 7, 9, 10, 12)] == [1, 1, 2, 2, 3, 3, 4, 4]


def test_quarter_bounds():
    assert quarter_bounds(date(2024, 5, 5)) == (date(2024, 4, 1), date(2024, 6, 30))
    assert quarter_bounds(date(2024, 12, 31)) == (date(2024, 10, 1), date(2024, 12, 31))


def test_week_start():
    assert week_start(date(2024, 9, 18)) == date(2024, 9, 16)
    assert week_start(date(2024, 9, 16)) == date(2024, 9, 16)
    assert week_start(date(2024, 9, 18), SUNDAY) == date(2024, 9, 15)


def test_easter():
    assert [easter(year) for year in (1961, 1981, 2000, 2019, 2024, 2038)] == [
        date(1961, 4, 2),
        date(1981, 4, 19),
        date(2000, 4, 23),
        date(2019, 4, 21),
        date(2024, 3, 31),
        date(2038, 4, 25),
    ]


def test_earliest_and_latest_easter():
    assert easter(1818) == date(1818, 3, 22)
    assert easter(1943) == date(1943, 4, 25)
    assert easter(1954) == date(1954, 4, 18)
