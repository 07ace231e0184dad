"""What tasks are made of: words, numbers, names of people."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
PEOPLE: list[str] = _WORDS["people"]
CITIES: list[str] = _WORDS["cities"]
GOODS: list[str] = _WORDS["goods"]
SIZES = {"train": 20_000, "valid": 500, "test": 500}
"""Tasks of each template."""


class Dice:
    """Draws what a task is made of: the same for the same id, on every machine.

    Names come from words that one split alone has, so that no two splits share a task.
    """

    def __init__(self, task_id: str, split: str) -> None:
        self._rng = random.Random(f"agentrl desktop {task_id}")
        self._second = _WORDS["second"][split]
        self._used: set[str] = set()

    def name(self) -> str:
        """A name that this task has not had: `amber-harbour-42`."""
        return self._new(
            lambda: f"{self.choice(_WORDS['first'])}-{self.choice(self._second)}-{self.number(10, 99)}",
        )

    def person(self) -> str:
        """First name and surname of somebody whom this task has not had."""
        return self._new(lambda: f"{self.choice(PEOPLE)} {self.choice(_WORDS['surnames'])}")

    def number(self, low: int, high: int) -> int:
        """Either end included."""
        return self._rng.randint(low, high)

    def choice(self, options: Sequence[T]) -> T:
        return options[self.number(0, len(options) - 1)]

    def sample(self, options: Sequence[T], count: int) -> list[T]:
        """`count` different ones."""
        return self._rng.sample(list(options), count)

    def lines(self, count: int) -> list[str]:
        """Different lines of text, such as of a list of things to do."""
        return [
            f"{verb} the {good}"
            for verb, good in zip(self.sample(_WORDS["verbs"], count), self.sample(GOODS, count), strict=True)
        ]

    def _new(self, draw: Callable[[], str]) -> str:
        while (drawn := draw()) in self._used:
            pass
        self._used.add(drawn)
        return drawn
