"""Periods of ISO 8601, e.g. `P1Y2M10D`: lengths that depend on where they begin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from calendars.months import add_months, months_between

_PERIOD = re.compile(r"(-?)P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?", re.ASCII)


@dataclass(frozen=True)
class Period:
    """Months and days; years are twelve months, weeks seven days."""

    months: int = 0
    days: int = 0

    def __add__(self, other: Period) -> Period:
        return Period(self.months + other.months, self.days + other.days)

    def __sub__(self, other: Period) -> Period:
        return self + -other

    def __neg__(self) -> Period:
        return Period(-self.months, -self.days)

    def __mul__(self, factor: int) -> Period:
        return Period(self.months * factor, self.days * factor)

    def after(self, day: date) -> date:
        """The end of the period that begins on a day: months first, then days."""
        return add_months(day, self.months) + timedelta(days=self.days)

    def before(self, day: date) -> date:
        """The day from which the period leads back: months first, then days."""
        return (-self).after(day)

    @classmethod
    def between(cls, start: date, end: date) -> Period:
        """As many months as possible, then days; both negative if the end lies before the start."""
        months = months_between(start, end)
        return cls(months, (end - add_months(start, months)).days)


def parse_period(text: str) -> Period:
    """A period from its ISO form; a sign before it turns all of it round.

    Raises:
        ValueError: it is none.
    """
    match = _PERIOD.fullmatch(text)
    if match is None or not any(match.groups()[1:]):
        raise ValueError(f"{text!r} is no period: write it as in 'P1Y2M10D'")
    years, months, weeks, days = (int(number or 0) for number in match.groups()[1:])
    period = Period(12 * years + months, 7 * weeks + days)
    return -period if match[1] else period


def format_period(period: Period) -> str:
    """The ISO form, without weeks; `P0D` if it is none.

    Raises:
        ValueError: months and days have different signs, for which there is no form.
    """
    if period.months * period.days < 0:
        raise ValueError(f"{period} has months and days of different signs")
    sign = "-" if period.months < 0 or period.days < 0 else ""
    years, months = divmod(abs(period.months), 12)
    parts = [f"{number}{unit}" for number, unit in ((years, "Y"), (months, "M"), (abs(period.days), "D")) if number]
    return f"{sign}P{''.join(parts) or '0D'}"
