"""Functions that remember."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any, Generic, ParamSpec, TypeVar

from caching.base import Cache
from caching.lru import LRUCache
from caching.stats import Stats

P = ParamSpec("P")
R = TypeVar("R")


class Memoised(Generic[P, R]):
    """A function with a cache of its results; errors are not remembered."""

    def __init__(
        self, function: Callable[P, R], cache: Cache[Hashable, R], key: Callable[..., Hashable] | None, typed: bool
    ) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._key = key
        self._typed = typed
        self.cache = cache

    @property
    def stats(self) -> Stats:
        """Hits are calls that were answered from the cache."""
        return self.cache.stats

    def key_of(self, *args: Any, **kwargs: Any) -> Hashable:
        """What a call is remembered by. Arguments by name are in no order."""
        if self._key is not None:
            return self._key(*args, **kwargs)
        named = tuple(sorted(kwargs.items()))
        key: tuple[Hashable, ...] = (args, named)
        if self._typed:
            key += (tuple(map(type, args)), tuple(type(value) for _, value in named))
        return key

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        key = self.key_of(*args, **kwargs)
        return self.cache.get_or_compute(key, lambda _: self._function(*args, **kwargs))

    def forget(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Forget the result of a call; returns whether there was one."""
        key = self.key_of(*args, **kwargs)
        if key not in self.cache:
            return False
        del self.cache[key]
        return True


def memoise(
    capacity: int = 128,
    *,
    cache: Cache[Hashable, Any] | None = None,
    key: Callable[..., Hashable] | None = None,
    typed: bool = False,
) -> Callable[[Callable[P, R]], Memoised[P, R]]:
    """A decorator for functions of hashable arguments.

    Args:
        capacity: of the least-recently-used cache that is made where none is given.
        cache: where results are kept.
        key: what a call is remembered by, from its arguments.
        typed: whether arguments that are equal but of different types, as 1 and 1.0, are different.
    """

    def decorate(function: Callable[P, R]) -> Memoised[P, R]:
        return Memoised(function, LRUCache(capacity) if cache is None else cache, key, typed)

    return decorate
