"""Business days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Literal

from calendars.holidays import Holiday, holidays_between
from calendars.months import SATURDAY, SUNDAY, days_in_month

Convention = Literal["following", "preceding", "modified_following", "modified_preceding"]
"""Where a date that is no business day moves: to the next or the previous one; the modified conventions turn round
rather than leave the month."""

ONE_DAY = timedelta(days=1)


class BusinessCalendar:
    """Knows which days people work.

    Args:
        holidays: when they do not.
        weekend: weekdays (Monday is 0) on which they never do.

    Raises:
        ValueError: the whole week is weekend.
    """

    def __init__(self, holidays: Iterable[Holiday] = (), weekend: Iterable[int] = (SATURDAY, SUNDAY)) -> None:
        self.holidays = tuple(holidays)
        self.weekend = frozenset(weekend)
        if len(self.weekend) >= 7:
            raise ValueError("a week without business days")
        self._years: dict[int, frozenset[date]] = {}

    def is_holiday(self, day: date) -> bool:
        """Whether a holiday is kept on that day."""
        if day.year not in self._years:
            found = holidays_between(self.holidays, date(day.year, 1, 1), date(day.year, 12, 31))
            self._years[day.year] = frozenset(kept for kept, _ in found)
        return day in self._years[day.year]

    def is_business_day(self, day: date) -> bool:
        """Whether people work on that day."""
        return day.weekday() not in self.weekend and not self.is_holiday(day)

    def roll(self, day: date, convention: Convention = "following") -> date:
        """The day itself if it is a business day, else where the convention moves it."""
        step = ONE_DAY if convention in ("following", "modified_following") else -ONE_DAY
        rolled = self._seek(day, step)
        if convention.startswith("modified") and rolled.month != day.month:
            return self._seek(day, -step)
        return rolled

    def _seek(self, day: date, step: timedelta) -> date:
        while not self.is_business_day(day):
            day += step
        return day

    def add(self, day: date, count: int) -> date:
        """The business day `count` business days later (or earlier); of 0, the day itself or the next business day."""
        if count == 0:
            return self.roll(day)
        step = ONE_DAY if count > 0 else -ONE_DAY
        for _ in range(abs(count)):
            day = self._seek(day + step, step)
        return day

    def count(self, start: date, end: date) -> int:
        """Business days from the start up to, but not including, the end; negative if it lies before."""
        if end < start:
            return -self.count(end, start)
        return sum(1 for _ in self.days(start, end))

    def days(self, start: date, end: date) -> Iterator[date]:
        """The business days from the start up to, but not including, the end."""
        day = start
        while day < end:
            if self.is_business_day(day):
                yield day
            day += ONE_DAY

    def month_end(self, day: date) -> date:
        """The last business day of its month."""
        last = date(day.year, day.month, days_in_month(day.year, day.month))
        return self.roll(last, "preceding")

    def bridges(self, start: date, end: date) -> list[date]:
        """Single business days with days off on both sides, from the start up to, but not including, the end."""
        return [
            day
            for day in self.days(start, end)
            if not self.is_business_day(day - ONE_DAY) and not self.is_business_day(day + ONE_DAY)
        ]
