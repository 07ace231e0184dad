"""Intervals as people write them: `1-5, 8, 12-`, both bounds included."""

from __future__ import annotations

import re

from intervals.interval import Interval
from intervals.intervalset import IntervalSet

_PART = re.compile(r"(-?\d+)\s*(?:(-)\s*(-?\d+)?)?", re.ASCII)


def parse_interval(text: str, last: int | None = None) -> Interval:
    """One interval; `7` is a single point, `7-` goes on to `last`.

    Raises:
        ValueError: it is written in no such way, descends, or is open and there is no `last`.
    """
    match = _PART.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text.strip()!r} is no interval: write 3, 3-7 or 3-")
    start = int(match[1])
    if match[2] is None:
        end = start
    elif match[3] is not None:
        end = int(match[3])
    elif last is not None:
        end = last
    else:
        raise ValueError(f"{text.strip()!r} is open, and no last point is known")
    if end < start:
        raise ValueError(f"{text.strip()!r} descends")
    return Interval(start, end + 1)


def parse_set(text: str, last: int | None = None) -> IntervalSet:
    """A set, its intervals separated by commas; nothing is the empty set.

    Raises:
        ValueError: as for `parse_interval`.
    """
    if not text.strip():
        return IntervalSet()
    return IntervalSet(parse_interval(part, last) for part in text.split(","))


def format_set(points: IntervalSet) -> str:
    """The shortest text that `parse_set` reads as this set."""
    parts = []
    for interval in points:
        if len(interval) == 1:
            parts.append(str(interval.start))
        else:
            parts.append(f"{interval.start}-{interval.end - 1}")
    return ", ".join(parts)
