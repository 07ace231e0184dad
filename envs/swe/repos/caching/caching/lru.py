"""Least recently used."""

from __future__ import annotations

from collections import OrderedDict

from caching.base import Cache, K, OnEvict, V


class LRUCache(Cache[K, V]):
    """Throws away what was not used for the longest time. Storing is using."""

    def __init__(self, capacity: int, on_evict: OnEvict[K, V] | None = None) -> None:
        super().__init__(capacity, on_evict)
        self._entries: OrderedDict[K, V] = OrderedDict()

    def keys(self) -> list[K]:
        return list(self._entries)

    def _find(self, key: K) -> V:
        value = self._entries[key]
        self._entries.move_to_end(key)
        return value

    def _store(self, key: K, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        while len(self._entries) > self.capacity:
            self._evicted(*self._entries.popitem(last=False))

    def _remove(self, key: K) -> V:
        return self._entries.pop(key)

    def peek(self, key: K) -> V | None:
        """The value, or None; it does not count as used."""
        return self._entries.get(key)

    def resize(self, capacity: int) -> None:
        """Hold more or fewer entries from now on.

        Raises:
            ValueError: the capacity is not positive.
        """
        if capacity < 1:
            raise ValueError(f"a cache holds at least one entry, not {capacity}")
        self.capacity = capacity
        while len(self._entries) > capacity:
            self._evicted(*self._entries.popitem(last=False))
