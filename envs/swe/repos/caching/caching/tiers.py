"""A small fast cache before a large slow one."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from caching.base import Cache
from caching.stats import Stats

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TieredCache(Generic[K, V]):
    """Looks into `near` first, then into `far`; what is found in `far` moves to `near`, and what falls out of `near`
    goes to `far`. No key is in both."""

    def __init__(self, near: Cache[K, V], far: Cache[K, V]) -> None:
        self.near = near
        self.far = far
        near.on_evict = self._demote

    def _demote(self, key: K, value: V) -> None:
        self.far[key] = value

    def __getitem__(self, key: K) -> V:
        if key in self.near:
            return self.near[key]
        self.near.stats.misses += 1
        value = self.far[key]
        del self.far[key]
        self.near[key] = value
        return value

    def __setitem__(self, key: K, value: V) -> None:
        self.far.pop(key)
        self.near[key] = value

    def __delitem__(self, key: K) -> None:
        if key in self.near:
            del self.near[key]
        else:
            del self.far[key]

    def __contains__(self, key: object) -> bool:
        return key in self.near or key in self.far

    def __len__(self) -> int:
        return len(self.near) + len(self.far)

    @property
    def stats(self) -> Stats:
        """Lookups of the whole: a hit is one in either, a miss one in both."""
        return Stats(self.near.stats.hits + self.far.stats.hits, self.far.stats.misses, self.far.stats.evictions)
