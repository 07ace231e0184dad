"""Holidays by rule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from calendars.months import FRIDAY, SATURDAY, days_in_month, easter, nth_weekday

Observed = Literal["same", "next_monday", "nearest"]
"""When a holiday on a weekend is kept: then, on the Monday after it, or on the Friday before for a Saturday and the
Monday after for a Sunday."""


class HolidayRule(ABC):
    """Says on which day of a year a holiday falls."""

    @abstractmethod
    def day(self, year: int) -> date | None:
        """The day, or None in a year without."""


@dataclass(frozen=True)
class FixedRule(HolidayRule):
    """The same date every year; 29 February only in leap years."""

    month: int
    number: int

    def day(self, year: int) -> date | None:
        if self.number > days_in_month(year, self.month):
            return None
        return date(year, self.month, self.number)


@dataclass(frozen=True)
class WeekdayRule(HolidayRule):
    """The n-th of a weekday in a month; negative n count from its end."""

    month: int
    weekday: int
    n: int

    def day(self, year: int) -> date | None:
        try:
            return nth_weekday(year, self.month, self.weekday, self.n)
        except ValueError:
            return None


@dataclass(frozen=True)
class EasterRule(HolidayRule):
    """Some days after Easter Sunday, or before it."""

    offset: int

    def day(self, year: int) -> date | None:
        return easter(year) + timedelta(days=self.offset)


@dataclass(frozen=True)
class Holiday:
    """A named holiday."""

    name: str
    rule: HolidayRule
    observed: Observed = "same"
    since: int | None = None
    """The first year."""
    until: int | None = None
    """The last year."""

    def on(self, year: int) -> date | None:
        """The day on which it is kept; None in years without. It may lie in a neighbouring year."""
        if self.since is not None and year < self.since:
            return None
        if self.until is not None and year > self.until:
            return None
        day = self.rule.day(year)
        return None if day is None else _moved(day, self.observed)


def _moved(day: date, observed: Observed) -> date:
    if observed == "same" or day.weekday() < SATURDAY:
        return day
    if observed == "nearest" and day.weekday() == SATURDAY:
        return day - timedelta(days=SATURDAY - FRIDAY)
    return day + timedelta(days=7 - day.weekday())


def holidays_between(holidays: Iterable[Holiday], start: date, end: date) -> list[tuple[date, str]]:
    """Days and names of holidays that are kept from the start to the end, both included, in ascending order."""
    found = []
    for holiday in holidays:
        for year in range(start.year - 1, end.year + 2):
            day = holiday.on(year)
            if day is not None and start <= day <= end:
                found.append((day, holiday.name))
    return sorted(found)
