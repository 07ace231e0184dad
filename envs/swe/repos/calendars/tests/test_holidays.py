from datetime import date

from calendars import EasterRule, FixedRule, Holiday, WeekdayRule, holidays_between
from calendars.months import MONDAY


def test_fixed_date():
    assert FixedRule(12, 25).day(2024) == date(2024, 12, 25)


def test_leap_day_is_left_out_in_other_years():
    assert FixedRule(2, 29).day(2024) == date(2024, 2, 29)
    assert FixedRule(2, 29).day(2023) is None


def test_weekday_of_a_month():
    assert WeekdayRule(5, MONDAY, -1).day(2024) == date(2024, 5, 27)
    assert WeekdayRule(6, MONDAY, 5).day(2024) is None


def test_days_around_easter():
    assert EasterRule(-2).day(2024) == date(2024, 3, 29)
    assert EasterRule(1).day(2024) == date(2024, 4, 1)


def test_holiday_on_a_weekend_stays_by_default():
    assert Holiday("x", FixedRule(6, 1)).on(2024) == date(2024, 6, 1)


def test_next_monday_after_a_weekend():
    assert Holiday("saturday", FixedRule(6, 1), "next_monday").on(2024) == date(2024, 6, 3)
    assert Holiday("sunday", FixedRule(6, 2), "next_monday").on(2024) == date(2024, 6, 3)


def test_nearest_working_day():
    assert Holiday("saturday", FixedRule(6, 1), "nearest").on(2024) == date(2024, 5, 31)
    assert Holiday("sunday", FixedRule(6, 2), "nearest").on(2024) == date(2024, 6, 3)


def test_holiday_on_a_working_day_is_not_moved():
    assert Holiday("friday", FixedRule(5, 31), "nearest").on(2024) == date(2024, 5, 31)
    assert Holiday("friday", FixedRule(5, 31), "next_monday").on(2024) == date(2024, 5, 31)


def test_first_and_last_year():
    holiday = Holiday("x", FixedRule(5, 31), since=2020, until=2022)
    kept = [holiday.on(year) is not None for year in (2019, 2020, 2022, 2023)]
    assert kept == [False, True, True, False]


def test_year_in_which_the_rule_has_no_day():
    assert Holiday("leap", FixedRule(2, 29), "nearest").on(2023) is None


def test_holidays_between_are_sorted():
    holidays = [Holiday("christmas", FixedRule(12, 25)), Holiday("new year", FixedRule(1, 1))]
    assert holidays_between(holidays, date(2023, 12, 25), date(2025, 1, 1)) == [
        (date(2023, 12, 25), "christmas"),
        (date(2024, 1, 1), "new year"),
        (date(2024, 12, 25), "christmas"),
        (date(2025, 1, 1), "new year"),
    ]


def test_holiday_that_moves_into_the_year_before():
    holidays = [Holiday("new year", FixedRule(1, 1), "nearest")]
    assert holidays_between(holidays, date(2021, 6, 1), date(2021, 12, 31)) == [(date(2021, 12, 31), "new year")]


def test_holiday_that_moves_into_the_year_after():
    holidays = [Holiday("eve", FixedRule(12, 31), "next_monday")]
    assert holidays_between(holidays, date(2023, 1, 1), date(2023, 1, 31)) == [(date(2023, 1, 2), "eve")]
