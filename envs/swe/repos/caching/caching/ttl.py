"""Entries that grow old."""

from __future__ import annotations

from caching.base import K, OnEvict, V
from caching.clock import Clock
from caching.lru import LRUCache


class TTLCache(LRUCache[K, V]):
    """Throws away what is too old, and beyond its capacity what was not used for the longest time.

    Args:
        ttl: seconds after which an entry is gone, from when it was stored.
        clock: tells the time.
        sliding: whether looking an entry up makes it young again.
    """

    def __init__(
        self,
        capacity: int,
        ttl: float,
        clock: Clock,
        on_evict: OnEvict[K, V] | None = None,
        *,
        sliding: bool = False,
    ) -> None:
        super().__init__(capacity, on_evict)
        if ttl <= 0:
            raise ValueError(f"ttl must be positive, not {ttl}")
        self.ttl = ttl
        self.sliding = sliding
        self._clock = clock
        self._deadlines: dict[K, float] = {}

    def keys(self) -> list[K]:
        now = self._clock()
        return [key for key in self._entries if self._deadlines[key] > now]

    def expire(self) -> int:
        """Throw away all that is too old; returns how many entries that were."""
        now = self._clock()
        old = [key for key, deadline in self._deadlines.items() if deadline <= now]
        for key in old:
            self._evicted(key, self._remove(key))
        return len(old)

    def remaining(self, key: K) -> float:
        """Seconds until an entry is too old; 0 if it is not there."""
        return max(self._deadlines.get(key, 0.0) - self._clock(), 0.0)

    def peek(self, key: K) -> V | None:
        return super().peek(key) if key in self else None

    def put(self, key: K, value: V, ttl: float) -> None:
        """Store an entry with a time of its own.

        Raises:
            ValueError: the time is not positive.
        """
        if ttl <= 0:
            raise ValueError(f"ttl must be positive, not {ttl}")
        self[key] = value
        self._deadlines[key] = self._clock() + ttl

    def _find(self, key: K) -> V:
        if self._deadlines[key] <= self._clock():
            self._evicted(key, self._remove(key))
            raise KeyError(key)
        if self.sliding:
            self._deadlines[key] = self._clock() + self.ttl
        return super()._find(key)

    def _store(self, key: K, value: V) -> None:
        if key not in self._deadlines and len(self._deadlines) >= self.capacity:
            self.expire()
        self._deadlines[key] = self._clock() + self.ttl
        super()._store(key, value)

    def _remove(self, key: K) -> V:
        del self._deadlines[key]
        return super()._remove(key)

    def _evicted(self, key: K, value: V) -> None:
        self._deadlines.pop(key, None)
        super()._evicted(key, value)
