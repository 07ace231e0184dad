"""Dates without clocks: months, holidays, business days, periods and recurrence."""

from calendars.business import BusinessCalendar
from calendars.daycount import year_fraction
from calendars.holidays import EasterRule, FixedRule, Holiday, WeekdayRule, holidays_between
from calendars.months import add_months, days_in_month, easter, is_leap, last_weekday, months_between, nth_weekday
from calendars.periods import Period, format_period, parse_period
from calendars.recurrence import Rule, parse_rule

__all__ = [
    "BusinessCalendar",
    "EasterRule",
    "FixedRule",
    "Holiday",
    "Period",
    "Rule",
    "WeekdayRule",
    "add_months",
    "days_in_month",
    "easter",
    "format_period",
    "holidays_between",
    "is_leap",
    "last_weekday",
    "months_between",
    "nth_weekday",
    "parse_period",
    "parse_rule",
    "year_fraction",
]
