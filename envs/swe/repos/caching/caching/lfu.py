"""Least frequently used."""

from __future__ import annotations

from caching.base import Cache, K, OnEvict, V


class LFUCache(Cache[K, V]):
    """Throws away what was used least often; of those, what was not used for the longest time.

    Args:
        half_life: after so many uses of the cache all counts are halved, so that old fame fades; None never does.
    """

    def __init__(self, capacity: int, on_evict: OnEvict[K, V] | None = None, *, half_life: int | None = None) -> None:
        super().__init__(capacity, on_evict)
        if half_life is not None and half_life < 1:
            raise ValueError(f"half_life must be positive, not {half_life}")
        self.half_life = half_life
        self._values: dict[K, V] = {}
        self._uses: dict[K, int] = {}
        self._last: dict[K, int] = {}
        self._time = 0

    def keys(self) -> list[K]:
        return sorted(self._values, key=lambda key: (self._uses[key], self._last[key]))

    def uses(self, key: K) -> int:
        """How often a key was stored or looked up; 0 if it is not there."""
        return self._uses.get(key, 0)

    def _find(self, key: K) -> V:
        value = self._values[key]
        self._use(key)
        return value

    def _store(self, key: K, value: V) -> None:
        if key not in self._values and len(self._values) >= self.capacity:
            victim = self.keys()[0]
            self._evicted(victim, self._remove(victim))
        self._values[key] = value
        self._use(key)

    def _remove(self, key: K) -> V:
        value = self._values.pop(key)
        del self._uses[key]
        del self._last[key]
        return value

    def _use(self, key: K) -> None:
        self._time += 1
        self._uses[key] = self._uses.get(key, 0) + 1
        self._last[key] = self._time
        if self.half_life is not None and self._time % self.half_life == 0:
            self._uses = {other: count // 2 for other, count in self._uses.items()}
