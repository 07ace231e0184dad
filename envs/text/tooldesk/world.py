"""Rows of a world in the making, and the customers of each split."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

_T = TypeVar("_T")

SPLITS = ("train", "valid", "test")
# One line a name would be all that one sees of this file.
# fmt: off
FIRST = (
    "ada", "ben", "cleo", "dan", "eva", "finn", "gina", "hugo", "ida", "jan", "kira", "leo", "mia", "noah", "olga",
    "paul", "rosa", "sam", "tina", "udo", "vera", "will", "yara", "zoe",
)
LAST = (
    "abel", "berg", "cole", "dorn", "ekman", "falk", "gray", "holm", "iver", "jung", "klein", "lund", "moss",
    "nolan", "otto", "parr", "quist", "reed", "stone", "thorn", "unger", "voss", "wolf", "york",
)
STREETS = (
    "oak", "elm", "pine", "lake", "hill", "mill", "park", "river", "garden", "station", "market", "church",
    "school", "harbor", "forest", "spring",
)
# fmt: on


class World:
    """Tables being filled. All ids are different, and below 100, so that a small vocabulary holds them."""

    def __init__(self, rng: random.Random, split: str) -> None:
        self.rng, self.split = rng, split
        self.rows: dict[str, list[list[Any]]] = defaultdict(list)
        self._used: set[object] = set()

    def add(self, table: str, *row: object) -> None:
        """Append a row."""
        self.rows[table].append(list(row))

    def id(self) -> int:
        """A number that was not drawn before."""
        return self._fresh(lambda: self.rng.randrange(10, 100))

    def row(self, table: str, key: object) -> list[Any]:
        """The row that begins with a key."""
        return next(row for row in self.rows[table] if row[0] == key)

    def fresh(self, options: Sequence[str]) -> str:
        """One of the options that was not drawn before; there must be one."""
        return self._fresh(lambda: self.rng.choice(options))

    def person(self) -> str:
        """A name of this split: the pairs of first and last name of the three splits are disjoint, the names not."""
        return self._fresh(self._name)

    def address(self) -> str:
        """A street and a number."""
        return self._fresh(lambda: f"{self.rng.choice(STREETS)} street {self.rng.randrange(1, 100)}")

    def _name(self) -> str:
        while True:
            first, last = self.rng.randrange(len(FIRST)), self.rng.randrange(len(LAST))
            if SPLITS[max(0, (first + last) % 8 - 5)] == self.split:
                return f"{FIRST[first]} {LAST[last]}"

    def _fresh(self, draw: Callable[[], _T]) -> _T:
        while (drawn := draw()) in self._used:
            pass
        self._used.add(drawn)
        return drawn
