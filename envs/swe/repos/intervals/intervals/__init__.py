"""Half-open intervals of integers: sets, maps, coverage and schedules."""

from intervals.coverage import busiest, depth_at, first_free, profile
from intervals.interval import Interval
from intervals.intervalmap import IntervalMap
from intervals.intervalset import IntervalSet
from intervals.notation import format_set, parse_interval, parse_set
from intervals.schedule import assign_rooms, best_value, most_compatible

__all__ = [
    "Interval",
    "IntervalMap",
    "IntervalSet",
    "assign_rooms",
    "best_value",
    "busiest",
    "depth_at",
    "first_free",
    "format_set",
    "most_compatible",
    "parse_interval",
    "parse_set",
    "profile",
]
