"""What recurs: the common part of the rules of iCalendar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Literal, get_args

from calendars.months import add_months, days_in_month, nth_weekday, week_start

Frequency = Literal["daily", "weekly", "monthly", "yearly"]

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BARREN = 200
"""Periods without any day, after which a rule is taken to have no further ones."""


@dataclass(frozen=True)
class Rule:
    """When something happens again.

    Raises:
        ValueError: interval or count are not positive, or parts do not go together.
    """

    frequency: Frequency
    interval: int = 1
    """Every so many days, weeks, months or years."""
    count: int | None = None
    """How often at all."""
    until: date | None = None
    """The last day that counts."""
    weekdays: tuple[tuple[int | None, int], ...] = ()
    """Which one of the month (None: all of them) and weekday, for weekly and monthly rules; `(-1, 4)` is the last
    Friday."""
    month_days: tuple[int, ...] = ()
    """Days of the month, negative ones from its end, for monthly rules."""

    def __post_init__(self) -> None:
        if self.interval < 1:
            raise ValueError(f"interval must be positive, not {self.interval}")
        if self.count is not None and self.count < 1:
            raise ValueError(f"count must be positive, not {self.count}")
        if self.count is not None and self.until is not None:
            raise ValueError("a rule has a count or an end, not both")
        if self.weekdays and self.frequency not in ("weekly", "monthly"):
            raise ValueError(f"weekdays do not go with {self.frequency}")
        if self.month_days and self.frequency != "monthly":
            raise ValueError(f"days of the month do not go with {self.frequency}")
        if self.frequency == "weekly" and any(n is not None for n, _ in self.weekdays):
            raise ValueError("weekdays of a week have no number")

    def days(self, start: date) -> Iterator[date]:
        """The days from the start on, in ascending order; endless without count and end."""
        found = 0
        for day in self._candidates(start):
            if self.until is not None and day > self.until:
                return
            if day < start:
                continue
            yield day
            found += 1
            if found == self.count:
                return

    def take(self, start: date, number: int) -> list[date]:
        """The first ones."""
        return list(islice(self.days(start), number))

    def between(self, start: date, first: date, last: date) -> list[date]:
        """Those of a rule that began on `start` that lie from `first` to `last`, both included."""
        found = []
        for day in self.days(start):
            if day > last:
                break
            if day >= first:
                found.append(day)
        return found

    def _candidates(self, start: date) -> Iterator[date]:
        barren = 0
        period = 0
        while barren < _BARREN:
            days = self._period(start, period * self.interval)
            yield from days
            barren = 0 if days else barren + 1
            period += 1

    def _period(self, start: date, offset: int) -> list[date]:
        if self.frequency == "daily":
            return [start + timedelta(days=offset)]
        if self.frequency == "weekly":
            monday = week_start(start) + timedelta(weeks=offset)
            weekdays = [weekday for _, weekday in self.weekdays] or [start.weekday()]
            return [monday + timedelta(days=weekday) for weekday in sorted(set(weekdays))]
        if self.frequency == "yearly":
            year = start.year + offset
            exists = start.day <= days_in_month(year, start.month)
            return [date(year, start.month, start.day)] if exists else []
        first = add_months(start.replace(day=1), offset)
        if not self.weekdays and not self.month_days:
            return _in_month(first, (start.day,))
        found = set(_in_month(first, self.month_days))
        for n, weekday in self.weekdays:
            found.update(_weekdays_of(first, n, weekday))
        return sorted(found)


def _in_month(first: date, numbers: tuple[int, ...]) -> list[date]:
    length = days_in_month(first.year, first.month)
    days = [number if number > 0 else length + 1 + number for number in numbers]
    return [first.replace(day=day) for day in sorted(days) if 1 <= day <= length]


def _weekdays_of(first: date, n: int | None, weekday: int) -> list[date]:
    if n is None:
        day = nth_weekday(first.year, first.month, weekday, 1)
        found = []
        while day.month == first.month:
            found.append(day)
            day += timedelta(weeks=1)
        return found
    try:
        return [nth_weekday(first.year, first.month, weekday, n)]
    except ValueError:
        return []


def parse_rule(text: str) -> Rule:
    """A rule from its iCalendar form, e.g. `FREQ=MONTHLY;BYDAY=-1FR;COUNT=3`.

    Raises:
        ValueError: a part is unknown or malformed, or there is no frequency.
    """
    parts = dict(part.partition("=")[::2] for part in text.split(";"))
    frequency = parts.pop("FREQ", "").lower()
    if frequency not in get_args(Frequency):
        raise ValueError(f"{text!r} has no frequency that is known")
    interval = int(parts.pop("INTERVAL", "1"))
    count = int(parts.pop("COUNT")) if "COUNT" in parts else None
    end = parts.pop("UNTIL", None)
    until = date(int(end[:4]), int(end[4:6]), int(end[6:8])) if end else None
    weekdays = tuple(_weekday(entry) for entry in parts.pop("BYDAY", "").split(",") if entry)
    month_days = tuple(int(entry) for entry in parts.pop("BYMONTHDAY", "").split(",") if entry)
    if parts:
        raise ValueError(f"{text!r} has parts that are not known: {', '.join(parts)}")
    return Rule(frequency, interval, count, until, weekdays, month_days)  # type: ignore[arg-type]


def _weekday(entry: str) -> tuple[int | None, int]:
    name, number = entry[-2:], entry[:-2]
    if name not in DAYS:
        raise ValueError(f"{entry!r} is no weekday")
    return int(number) if number else None, DAYS.index(name)
