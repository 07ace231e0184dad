"""Choosing among intervals that compete for the same points, e.g. meetings for a room."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Mapping

from intervals.interval import Interval


def most_compatible(intervals: Iterable[Interval]) -> list[Interval]:
    """As many of them as can be chosen without overlap; of equally many those that end first."""
    chosen: list[Interval] = []
    for interval in sorted(intervals, key=lambda item: (item.end, item.start)):
        if interval and (not chosen or chosen[-1].end <= interval.start):
            chosen.append(interval)
    return chosen


def best_value(values: Mapping[Interval, int]) -> tuple[int, list[Interval]]:
    """The greatest sum of values without overlap, and the intervals that give it, in ascending order."""
    intervals = sorted(values, key=lambda item: item.end)
    ends = [interval.end for interval in intervals]
    best = [0]
    for index, interval in enumerate(intervals):
        earlier = bisect_right(ends, interval.start, 0, index)
        best.append(max(best[index], best[earlier] + values[interval]))
    chosen = []
    index = len(intervals)
    while index > 0:
        if best[index] == best[index - 1]:
            index -= 1
        else:
            chosen.append(intervals[index - 1])
            index = bisect_right(ends, intervals[index - 1].start, 0, index - 1)
    return best[-1], chosen[::-1]


def assign_rooms(intervals: Iterable[Interval]) -> list[list[Interval]]:
    """All intervals in as few rooms as possible, without overlap within a room; the lowest free room is taken."""
    rooms: list[list[Interval]] = []
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    for interval in sorted(intervals):
        while busy and busy[0][0] <= interval.start:
            _, room = heapq.heappop(busy)
            heapq.heappush(free, room)
        if free:
            room = heapq.heappop(free)
        else:
            room = len(rooms)
            rooms.append([])
        rooms[room].append(interval)
        heapq.heappush(busy, (interval.end, room))
    return rooms
