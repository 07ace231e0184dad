"""Bounded caches with several ideas of what to throw away."""

from caching.base import Cache
from caching.clock import ManualClock
from caching.lfu import LFUCache
from caching.lru import LRUCache
from caching.memoise import memoise
from caching.stats import Stats
from caching.tiers import TieredCache
from caching.ttl import TTLCache
from caching.weighted import TooHeavyError, WeightedCache

__all__ = [
    "Cache",
    "LFUCache",
    "LRUCache",
    "ManualClock",
    "Stats",
    "TTLCache",
    "TieredCache",
    "TooHeavyError",
    "WeightedCache",
    "memoise",
]
