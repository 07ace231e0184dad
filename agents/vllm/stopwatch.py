"""How long at least one of many was at work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Runs while anybody is inside."""

    def __init__(self) -> None:
        self.inside = 0
        """How many are."""
        self._seconds, self._since = 0.0, 0.0

    @property
    def seconds(self) -> float:
        """Until now."""
        return self._seconds + (time.perf_counter() - self._since if self.inside else 0.0)

    @contextmanager
    def run(self) -> Iterator[None]:
        """Be inside."""
        if not self.inside:
            self._since = time.perf_counter()
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1
            if not self.inside:
                self._seconds += time.perf_counter() - self._since
