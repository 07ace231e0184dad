"""How many intervals lie over each point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from intervals.interval import Interval
from intervals.intervalset import IntervalSet


def depth_at(intervals: Iterable[Interval], point: int) -> int:
    """How many of them hold the point."""
    return sum(point in interval for interval in intervals)


def profile(intervals: Iterable[Interval]) -> list[tuple[Interval, int]]:
    """Stretches of equal depth in ascending order, those of depth 0 left out."""
    changes: Counter[int] = Counter()
    for interval in intervals:
        if interval:
            changes[interval.start] += 1
            changes[interval.end] -= 1
    points = sorted(point for point, change in changes.items() if change != 0)
    stretches = []
    depth = 0
    for start, end in pairwise(points):
        depth += changes[start]
        if depth > 0:
            stretches.append((Interval(start, end), depth))
    return stretches


def busiest(intervals: Iterable[Interval]) -> tuple[Interval, int] | None:
    """The first stretch of the greatest depth; None if no interval holds a point."""
    best = None
    for stretch, depth in profile(intervals):
        if best is None or depth > best[1]:
            best = stretch, depth
    return best


def covered_at_least(intervals: Iterable[Interval], depth: int) -> IntervalSet:
    """All points that `depth` or more of them hold.

    Raises:
        ValueError: the depth is not positive: infinitely many points would do.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, not {depth}")
    return IntervalSet(stretch for stretch, found in profile(intervals) if found >= depth)


def first_free(taken: IntervalSet, length: int, within: Interval) -> Interval | None:
    """The first `length` consecutive points of `within` that are not taken."""
    for gap in taken.complement(within):
        if len(gap) >= length:
            return Interval(gap.start, gap.start + length)
    return None
