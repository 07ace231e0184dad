"""Times with their spread, and ratios of medians."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one thing done many times."""

    median: float
    p10: float
    p90: float
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        """Summary of at least two measurements."""
        tenths = statistics.quantiles(seconds, n=10)
        return cls(statistics.median(seconds), tenths[0], tenths[-1], len(seconds))

    def __str__(self) -> str:
        return f"{duration(self.median)} ({duration(self.p10)}–{duration(self.p90)})"


def duration(seconds: float) -> str:
    """`12.3 µs`, `45.6 ms`, `7.89 s`."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def timed(seconds: list[float], call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """What a call returns; how long it took is added to `seconds`."""
    begun = time.perf_counter()
    result = call(*args, **kwargs)
    seconds.append(time.perf_counter() - begun)
    return result


@contextmanager
def one_core() -> Iterator[None]:
    """Pin this process to one core for a while."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
