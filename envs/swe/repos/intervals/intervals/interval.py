"""One interval of integers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Interval:
    """All integers from `start` up to, but not including, `end`.

    Raises:
        ValueError: the end lies before the start.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"interval ends at {self.end}, before its start {self.start}")

    def __len__(self) -> int:
        return self.end - self.start

    def __bool__(self) -> bool:
        return self.start < self.end

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.end))

    def __contains__(self, point: object) -> bool:
        return isinstance(point, int) and self.start <= point < self.end

    def covers(self, other: Interval) -> bool:
        """Whether every point of the other lies in this one; an empty interval lies in all."""
        if not other:
            return True
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Interval) -> bool:
        """Whether they share a point."""
        return max(self.start, other.start) < min(self.end, other.end)

    def touches(self, other: Interval) -> bool:
        """Whether they share a point or one begins where the other ends."""
        return self.start <= other.end and other.start <= self.end

    def precedes(self, other: Interval) -> bool:
        """Whether all of this one lies before the other."""
        return self.end <= other.start

    def intersection(self, other: Interval) -> Interval | None:
        """The shared points, or None if there are none."""
        start = max(self.start, other.start)
        end = min(self.end, other.end)
        if start >= end:
            return None
        return Interval(start, end)

    def hull(self, other: Interval) -> Interval:
        """The smallest interval that covers both."""
        if not self:
            return other
        if not other:
            return self
        return Interval(min(self.start, other.start), max(self.end, other.end))

    def distance(self, other: Interval) -> int:
        """How many points lie between them; 0 if they touch."""
        if self.touches(other):
            return 0
        if self.end < other.start:
            return other.start - self.end
        return self.start - other.end

    def shift(self, offset: int) -> Interval:
        """The same length, moved by `offset`."""
        return Interval(self.start + offset, self.end + offset)

    def grow(self, before: int, after: int | None = None) -> Interval:
        """Longer by `before` points at the start and by `after` (default: as many) at the end.

        Shrinking by more than there is leaves an empty interval at the start.
        """
        if after is None:
            after = before
        start, end = self.start - before, self.end + after
        return Interval(start, end) if start <= end else Interval(self.start, self.start)

    def split(self, at: int) -> tuple[Interval, Interval]:
        """The points before `at`, and those from it on."""
        middle = min(max(at, self.start), self.end)
        return Interval(self.start, middle), Interval(middle, self.end)

    def chunks(self, size: int) -> list[Interval]:
        """Consecutive pieces of `size` points; the last may be shorter.

        Raises:
            ValueError: the size is not positive.
        """
        if size <= 0:
            raise ValueError(f"size of a chunk must be positive, not {size}")
        return [Interval(at, min(at + size, self.end)) for at in range(self.start, self.end, size)]

    def __str__(self) -> str:
        return f"[{self.start}, {self.end})"
