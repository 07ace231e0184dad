"""Puzzles drawn from a seed: `test/4n/17` is the 18th puzzle of four numbers for testing."""

from __future__ import annotations

import hashlib
import random
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from agentrl.envs.lazy_ids import LazyIds
from agentrl.envs.text.countdown.solver import Reach
from agentrl.errors import ConfigError, UnknownNameError

SIZES = {"train": 2**24, "valid": 200, "test": 400}
"""Puzzles of each count of numbers. Held-out ones differ from each other; those for training may repeat."""
COUNTS = (3, 4, 5, 6)
BOUNDS = {"largest": (20, 1000), "largest_target": (50, 1000)}
"""Of `Rules`; below, there would be too few puzzles to hold some out."""
LOWEST_TARGET = 10
_SPLITS = ("valid", "test", *["train"] * 8)
_DRAWS = 10_000
"""Of numbers, until there is a puzzle in them; most take fewer than ten."""
_ID = re.compile(r"(train|valid|test)/([3-6])n/(0|[1-9]\d{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rules:
    """What puzzles are made of."""

    largest: int = 100
    """Given numbers are 1 to `largest` …"""
    largest_target: int = 100
    """… and targets 10 to `largest_target`."""
    use_all: bool = False
    """Whether each number is to be used exactly once, instead of at most once."""


@dataclass(frozen=True, slots=True)
class Puzzle:
    """Numbers, and a target that can be made of them."""

    numbers: tuple[int, ...]
    target: int
    operations: int
    """The fewest that it takes, at least 1."""


def split_of(numbers: Sequence[int], target: int) -> str:
    """The only split that may have these numbers, in whatever order, with this target, under whatever rules."""
    puzzle = f"{sorted(numbers)} {target}".encode()
    return _SPLITS[int.from_bytes(hashlib.blake2b(puzzle, digest_size=8).digest()) % len(_SPLITS)]


def draw(rules: Rules, split: str, count: int, rng: random.Random) -> Puzzle:
    """A puzzle of a split: numbers drawn evenly, then a target, evenly among those in reach."""
    for _ in range(_DRAWS):
        numbers = tuple(rng.randint(1, rules.largest) for _ in range(count))
        fewest = Reach(numbers).fewest(use_all=rules.use_all)
        targets = [
            target
            for target in range(LOWEST_TARGET, rules.largest_target + 1)
            if fewest.get(target) and split_of(numbers, target) == split
        ]
        if targets:
            target = rng.choice(targets)
            return Puzzle(numbers, target, fewest[target])
    raise ConfigError(f"numbers up to {rules.largest} hardly make targets up to {rules.largest_target}: raise a bound")


class HeldOut:
    """The puzzles of a held-out split, one after the other as they are asked for; no two are the same."""

    def __init__(self, rules: Rules, split: str, count: int) -> None:
        self._draw = partial(draw, rules, split, count, random.Random(_seed(rules, split, count)))
        self._found: list[Puzzle] = []
        self._seen: set[tuple[int, ...]] = set()
        self._lock = threading.Lock()

    def __getitem__(self, index: int) -> Puzzle:
        with self._lock:
            while len(self._found) <= index:
                self._found.append(self._draw_new())
        return self._found[index]

    def _draw_new(self) -> Puzzle:
        for _ in range(_DRAWS):
            puzzle = self._draw()
            content = (*sorted(puzzle.numbers), puzzle.target)
            if content not in self._seen:
                self._seen.add(content)
                return puzzle
        raise ConfigError(f"these rules hold only {len(self._found)} puzzles of this split: raise a bound")


held_out = lru_cache(maxsize=64)(HeldOut)


@lru_cache(maxsize=1 << 14)
def puzzle_of(rules: Rules, task_id: str) -> Puzzle:
    """The puzzle of an id.

    Raises:
        UnknownNameError: there is none.
    """
    match = _ID.fullmatch(task_id)
    if not match or int(match[3]) >= SIZES[match[1]]:
        raise UnknownNameError("task", task_id, [f"{split}/{count}n/0" for split in SIZES for count in COUNTS])
    split, count, index = match[1], int(match[2]), int(match[3])
    if split == "train":
        return draw(rules, split, count, random.Random(f"{_seed(rules, split, count)} {index}"))
    return held_out(rules, split, count)[index]


def task_ids(split: str, counts: Sequence[int]) -> Sequence[str]:
    """Ids of a split, the counts in turn."""
    return LazyIds(range(SIZES[split] * len(counts)), partial(_name, split, counts))


def _name(split: str, counts: Sequence[int], number: int) -> str:
    index, turn = divmod(number, len(counts))
    return f"{split}/{counts[turn]}n/{index}"


def _seed(rules: Rules, split: str, count: int) -> str:
    return f"agentrl countdown {split} {count} {rules.largest} {rules.largest_target} {rules.use_all}"
