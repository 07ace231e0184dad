"""Values over ranges of integers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Generic, TypeVar

from intervals.interval import Interval

V = TypeVar("V")


class IntervalMap(Generic[V]):
    """A mapping from integers to values in which neighbours mostly agree. A later assignment covers an earlier one."""

    def __init__(self) -> None:
        self._items: list[tuple[Interval, V]] = []

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[tuple[Interval, V]]:
        return iter(self._items)

    def __setitem__(self, interval: Interval, value: V) -> None:
        if not interval:
            return
        del self[interval]
        self._items.append((interval, value))
        self._items.sort(key=lambda item: item[0])
        self._join()

    def __delitem__(self, interval: Interval) -> None:
        kept: list[tuple[Interval, V]] = []
        for held, value in self._items:
            if not held.overlaps(interval):
                kept.append((held, value))
                continue
            before, rest = held.split(interval.start)
            _, after = rest.split(interval.end)
            kept.extend((part, value) for part in (before, after) if part)
        self._items = kept

    def __getitem__(self, point: int) -> V:
        starts = [held.start for held, _ in self._items]
        index = bisect_right(starts, point) - 1
        if index >= 0:
            held, value = self._items[index]
            if point in held:
                return value
        raise KeyError(point)

    def get(self, point: int, default: V | None = None) -> V | None:
        """The value at a point, or the default where there is none."""
        try:
            return self[point]
        except KeyError:
            return default

    def values_in(self, interval: Interval) -> list[V]:
        """The values at the points of the interval, in order; neighbours that agree count once."""
        return [value for held, value in self._items if held.overlaps(interval)]

    def _join(self) -> None:
        joined: list[tuple[Interval, V]] = []
        for held, value in self._items:
            if joined and joined[-1][1] == value and joined[-1][0].end == held.start:
                joined[-1] = (joined[-1][0].hull(held), value)
            else:
                joined.append((held, value))
        self._items = joined
