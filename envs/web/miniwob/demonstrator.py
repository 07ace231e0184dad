"""An expert that wastes time: the oracle, with actions in between that change nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator

IDLE = ("noop()", "mouse_move(2, 2)", "keyboard_press('Shift')")
"""Mistakes after which a task is as solvable as before. A wrong click would end most of them."""


class Dawdler:
    """Does what an oracle does, later.

    Args:
        oracle: actions that solve the task.
        seed: of the mistakes.
        mistakes: share of turns that are wasted.
    """

    def __init__(self, oracle: Iterator[str], seed: int, mistakes: float) -> None:
        self._oracle, self._rng, self._mistakes = oracle, random.Random(seed), mistakes
        self.last_was_mistake = False

    def act(self, observation: str) -> str:
        """The next command; an oracle sees the page itself."""
        self.last_was_mistake = self._rng.random() < self._mistakes
        return self._rng.choice(IDLE) if self.last_was_mistake else next(self._oracle)
