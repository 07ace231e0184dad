"""What a cache was good for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Stats:
    """Counts since the cache was made or its counts were reset."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    """Entries thrown away to make room or because they were too old."""

    @property
    def lookups(self) -> int:
        """Hits and misses together."""
        return self.hits + self.misses

    @property
    def hit_rate(self) -> float:
        """The share of lookups that were hits; 0 before the first."""
        return self.hits / self.lookups if self.lookups else 0.0

    def reset(self) -> None:
        """Count from 0 again."""
        self.hits = self.misses = self.evictions = 0

    def __add__(self, other: Stats) -> Stats:
        return Stats(self.hits + other.hits, self.misses + other.misses, self.evictions + other.evictions)
