"""What share of a year lies between two dates, as contracts count it."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Literal

from calendars.months import days_in_month, is_leap

Basis = Literal["actual/365", "actual/360", "30/360", "30E/360", "actual/actual"]


def year_fraction(start: date, end: date, basis: Basis = "actual/365") -> Fraction:
    """The exact share; negative if the end lies before the start.

    Raises:
        ValueError: there is no such basis.
    """
    if end < start:
        return -year_fraction(end, start, basis)
    days = (end - start).days
    if basis == "actual/365":
        return Fraction(days, 365)
    if basis == "actual/360":
        return Fraction(days, 360)
    if basis == "30/360":
        return Fraction(_thirty(start, end, european=False), 360)
    if basis == "30E/360":
        return Fraction(_thirty(start, end, european=True), 360)
    if basis == "actual/actual":
        return _actual(start, end)
    raise ValueError(f"there is no day count basis {basis!r}")


def _thirty(start: date, end: date, *, european: bool) -> int:
    first = min(start.day, 30)
    last = end.day
    if last == 31 and (european or first == 30):
        last = 30
    return (end.year - start.year) * 360 + (end.month - start.month) * 30 + last - first


def _actual(start: date, end: date) -> Fraction:
    """Days in leap years by 366, others by 365."""
    share = Fraction(0)
    for year in range(start.year, end.year + 1):
        first = max(start, date(year, 1, 1))
        last = min(end, date(year + 1, 1, 1))
        share += Fraction((last - first).days, 366 if is_leap(year) else 365)
    return share


def is_month_end(day: date) -> bool:
    """Whether it is the last of its month."""
    return day.day == days_in_month(day.year, day.month)
