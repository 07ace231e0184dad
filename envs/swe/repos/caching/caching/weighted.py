"""Entries of different weight."""

from __future__ import annotations

from collections.abc import Callable

from caching.base import K, OnEvict, V
from caching.lru import LRUCache


class TooHeavyError(ValueError):
    """A value is heavier than all that the cache may hold."""


class WeightedCache(LRUCache[K, V]):
    """Holds entries up to a total weight, and throws away what was not used for the longest time.

    Args:
        max_weight: of all entries together.
        weigh: the weight of a value, e.g. `len`; it must not be negative.
    """

    def __init__(self, max_weight: int, weigh: Callable[[V], int], on_evict: OnEvict[K, V] | None = None) -> None:
        super().__init__(max_weight, on_evict)
        self._weigh = weigh
        self._weights: dict[K, int] = {}

    @property
    def weight(self) -> int:
        """Of all entries together."""
        return sum(self._weights.values())

    def _store(self, key: K, value: V) -> None:
        weight = self._weigh(value)
        if weight < 0:
            raise ValueError(f"the weight of {key!r} is negative: {weight}")
        if weight > self.capacity:
            raise TooHeavyError(f"{key!r} weighs {weight}, the cache holds {self.capacity}")
        if key in self._weights:
            self._remove(key)
        while self.weight + weight > self.capacity:
            victim = next(iter(self._entries))
            self._evicted(victim, self._remove(victim))
        self._entries[key] = value
        self._weights[key] = weight

    def _remove(self, key: K) -> V:
        del self._weights[key]
        return super()._remove(key)

    def resize(self, capacity: int) -> None:
        """Hold another total weight from now on."""
        if capacity < 1:
            raise ValueError(f"a cache holds a weight of at least 1, not {capacity}")
        self.capacity = capacity
        while self.weight > capacity:
            victim = next(iter(self._entries))
            self._evicted(victim, self._remove(victim))
