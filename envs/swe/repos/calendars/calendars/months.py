"""Months and years."""

from __future__ import annotations

from datetime import date, timedelta

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)


def is_leap(year: int) -> bool:
    """Whether the year has a 29th of February."""
    if year % 400 == 0:
        return True
    return year % 4 == 0 and year % 100 != 0


def days_in_month(year: int, month: int) -> int:
    """28 to 31.

    Raises:
        ValueError: there is no such month.
    """
    if not 1 <= month <= 12:
        raise ValueError(f"there is no month {month}")
    if month == 2:
        return 29 if is_leap(year) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def add_months(day: date, count: int, *, keep_end: bool = False) -> date:
    """The same day some months later (or earlier); the last of a month that has no such day.

    Args:
        keep_end: whether the last of a month leads to the last of a month.
    """
    year, index = divmod(day.year * 12 + day.month - 1 + count, 12)
    length = days_in_month(year, index + 1)
    if keep_end and day.day == days_in_month(day.year, day.month):
        return date(year, index + 1, length)
    return date(year, index + 1, min(day.day, length))


def months_between(start: date, end: date) -> int:
    """How many whole months can be added to the start without passing the end; negative if it lies before."""
    if end < start:
        return -months_between(end, start)
    count = (end.year - start.year) * 12 + end.month - start.month
    if add_months(start, count) > end:
        count -= 1
    return count


def age(born: date, day: date) -> int:
    """Whole years; who was born on 29 February has the birthday on 1 March of other years.

    Raises:
        ValueError: the day lies before the birth.
    """
    if day < born:
        raise ValueError(f"{day} lies before {born}")
    had_birthday = (day.month, day.day) >= (born.month, born.day)
    return day.year - born.year - (0 if had_birthday else 1)


def nth_weekday(year: int, month: int, weekday: int, n: int) -> date:
    """The n-th Monday (0) to Sunday (6) of a month; negative n count from its end.

    Raises:
        ValueError: the month has fewer, or n is 0.
    """
    if n == 0:
        raise ValueError("weekdays of a month are counted from 1, or from -1 backwards")
    length = days_in_month(year, month)
    if n > 0:
        first = date(year, month, 1).weekday()
        day = 1 + (weekday - first) % 7 + (n - 1) * 7
    else:
        last = date(year, month, length).weekday()
        day = length - (last - weekday) % 7 + (n + 1) * 7
    if not 1 <= day <= length:
        raise ValueError(f"{year}-{month:02d} has no weekday {weekday} number {n}")
    return date(year, month, day)


def last_weekday(year: int, month: int, weekday: int) -> date:
    """The last Monday (0) to Sunday (6) of a month."""
    return nth_weekday(year, month, weekday, -1)


def quarter(day: date) -> int:
    """1 to 4."""
    return (day.month - 1) // 3 + 1


def quarter_bounds(day: date) -> tuple[date, date]:
    """The first and the last day of its quarter."""
    first = 3 * (quarter(day) - 1) + 1
    last = first + 2
    return date(day.year, first, 1), date(day.year, last, days_in_month(day.year, last))


def week_start(day: date, first: int = MONDAY) -> date:
    """The first day of its week, which begins on the weekday `first`."""
    return day - timedelta(days=(day.weekday() - first) % 7)


def easter(year: int) -> date:
    """Easter Sunday of the western churches, by the algorithm of Meeus, Jones and Butcher."""
    a = year % 19
    b, c = divmod(year, 100)
    d, e = divmod(b, 4)
    f = (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)
