"""A set of integers, kept as disjoint intervals."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from intervals.interval import Interval


class IntervalSet:
    """An immutable set of integers: sorted intervals that neither overlap nor touch."""

    __slots__ = ("_parts", "_starts")

    def __init__(self, intervals: Iterable[Interval] = ()) -> None:
        self._parts = tuple(_merged(intervals))
        self._starts = [part.start for part in self._parts]

    @classmethod
    def of(cls, *bounds: tuple[int, int]) -> IntervalSet:
        """From pairs of start and end."""
        return cls(Interval(start, end) for start, end in bounds)

    def __iter__(self) -> Iterator[Interval]:
        return iter(self._parts)

    def __bool__(self) -> bool:
        return bool(self._parts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IntervalSet):
            return NotImplemented
        return self._parts == other._parts

    def __hash__(self) -> int:
        return hash(self._parts)

    def __repr__(self) -> str:
        return f"IntervalSet({', '.join(map(str, self._parts))})"

    @property
    def size(self) -> int:
        """Number of integers in it."""
        return sum(len(part) for part in self._parts)

    @property
    def span(self) -> Interval | None:
        """The smallest interval that covers it; None if it is empty."""
        if not self._parts:
            return None
        return Interval(self._parts[0].start, self._parts[-1].end)

    def find(self, point: int) -> Interval | None:
        """The interval that holds the point."""
        index = bisect_right(self._starts, point) - 1
        if index < 0:
            return None
        part = self._parts[index]
        return part if point in part else None

    def __contains__(self, point: object) -> bool:
        return isinstance(point, int) and self.find(point) is not None

    def covers(self, interval: Interval) -> bool:
        """Whether all points of the interval are in the set."""
        if not interval:
            return True
        part = self.find(interval.start)
        return part is not None and interval.end <= part.end

    def __or__(self, other: IntervalSet) -> IntervalSet:
        return IntervalSet((*self._parts, *other._parts))

    def __and__(self, other: IntervalSet) -> IntervalSet:
        found = []
        left, right = 0, 0
        while left < len(self._parts) and right < len(other._parts):
            mine, theirs = self._parts[left], other._parts[right]
            shared = mine.intersection(theirs)
            if shared is not None:
                found.append(shared)
            if mine.end < theirs.end:
                left += 1
            else:
                right += 1
        return IntervalSet(found)

    def __sub__(self, other: IntervalSet) -> IntervalSet:
        span = self.span
        return self & other.complement(span) if span is not None else self

    def __xor__(self, other: IntervalSet) -> IntervalSet:
        return (self | other) - (self & other)

    def isdisjoint(self, other: IntervalSet) -> bool:
        """Whether they share no integer."""
        return not self & other

    def complement(self, within: Interval) -> IntervalSet:
        """All integers of `within` that are not in the set."""
        found = []
        at = within.start
        for part in self._parts:
            if part.end <= within.start:
                continue
            if part.start >= within.end:
                break
            if part.start > at:
                found.append(Interval(at, part.start))
            at = part.end
        if at < within.end:
            found.append(Interval(at, within.end))
        return IntervalSet(found)

    def gaps(self) -> IntervalSet:
        """What lies between its intervals."""
        span = self.span
        return IntervalSet() if span is None else self.complement(span)

    def close_gaps(self, longest: int) -> IntervalSet:
        """With all gaps of up to `longest` integers filled."""
        small = [gap for gap in self.gaps() if len(gap) <= longest]
        return self | IntervalSet(small)

    def without_short(self, shortest: int) -> IntervalSet:
        """Without the intervals that have fewer than `shortest` integers."""
        return IntervalSet(part for part in self._parts if len(part) >= shortest)

    def nth(self, index: int) -> int:
        """The integer at a position, counted from 0 in ascending order, or from -1 in descending order.

        Raises:
            IndexError: there are fewer.
        """
        if index < 0:
            index += self.size
        if index >= 0:
            for part in self._parts:
                if index < len(part):
                    return part.start + index
                index -= len(part)
        raise IndexError("position beyond the end of the set")


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if not interval:
            continue
        if merged and merged[-1].touches(interval):
            merged[-1] = merged[-1].hull(interval)
        else:
            merged.append(interval)
    return merged
