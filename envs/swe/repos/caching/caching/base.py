"""What all caches have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar, overload

from caching.stats import Stats

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
D = TypeVar("D")

OnEvict = Callable[[K, V], None]
"""Called with every entry that is thrown away, but not with those that the caller removes or replaces."""


class Cache(ABC, Generic[K, V]):
    """A mapping that forgets. Looking a key up may change what is forgotten next; asking whether it is there does not.

    Args:
        capacity: how many entries it holds at most.
        on_evict: called with every entry that is thrown away.

    Raises:
        ValueError: the capacity is not positive.
    """

    def __init__(self, capacity: int, on_evict: OnEvict[K, V] | None = None) -> None:
        if capacity < 1:
            raise ValueError(f"a cache holds at least one entry, not {capacity}")
        self.capacity = capacity
        self.stats = Stats()
        self.on_evict = on_evict

    @abstractmethod
    def _find(self, key: K) -> V:
        """The value, which counts as used; KeyError if it is not there."""

    @abstractmethod
    def _store(self, key: K, value: V) -> None:
        """Keep a value, and evict others until it fits."""

    @abstractmethod
    def _remove(self, key: K) -> V:
        """Take an entry out; KeyError if it is not there."""

    @abstractmethod
    def keys(self) -> list[K]:
        """All keys; the one that is thrown away next comes first."""

    def __getitem__(self, key: K) -> V:
        try:
            value = self._find(key)
        except KeyError:
            self.stats.misses += 1
            raise
        self.stats.hits += 1
        return value

    def __setitem__(self, key: K, value: V) -> None:
        self._store(key, value)

    def __delitem__(self, key: K) -> None:
        self._remove(key)

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[K]:
        return iter(self.keys())

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: D) -> V | D: ...
    def get(self, key: K, default: object = None) -> object:
        """The value, or the default."""
        try:
            return self[key]
        except KeyError:
            return default

    def get_or_compute(self, key: K, compute: Callable[[K], V]) -> V:
        """The value; if it is not there, it is computed and kept."""
        try:
            return self[key]
        except KeyError:
            value = compute(key)
            self[key] = value
            return value

    @overload
    def pop(self, key: K) -> V | None: ...
    @overload
    def pop(self, key: K, default: D) -> V | D: ...
    def pop(self, key: K, default: object = None) -> object:
        """Take an entry out, and return its value or the default; this is no lookup."""
        try:
            return self._remove(key)
        except KeyError:
            return default

    def clear(self) -> None:
        """Take all entries out."""
        for key in self.keys():
            self._remove(key)

    def _evicted(self, key: K, value: V) -> None:
        self.stats.evictions += 1
        if self.on_evict is not None:
            self.on_evict(key, value)
