"""What judges used, while many of them ask at the same time."""

from __future__ import annotations

import threading
from collections import defaultdict


class Meter:
    """Counts since the last `take`; any thread may add to them.

    `requests`, `prompt_tokens`, of which `cached_tokens`, `completion_tokens`; `unmetered`, replies that did not tell
    their tokens; and `seconds`, of all requests together, however many went on at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, float] = defaultdict(float)

    def add(self, **counts: float) -> None:
        with self._lock:
            for name, more in counts.items():
                self._counts[name] += more

    def take(self) -> dict[str, float]:
        """What was counted; from now on it counts anew."""
        with self._lock:
            taken, self._counts = self._counts, defaultdict(float)
        return dict(taken)
