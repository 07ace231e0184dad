"""Tasks of a generated world: `test/3hop/17` is the 18th question of three hops for testing."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import partial

from agentrl.envs.lazy_ids import LazyIds
from agentrl.envs.text.searchqa.questions import HOPS, Question, draw
from agentrl.envs.text.searchqa.world import World
from agentrl.errors import ConfigError, UnknownNameError

SIZES = {"train": 2**24, "valid": 100, "test": 250}
"""Questions of each number of hops. Held-out ones differ from each other; those for training are drawn with return."""
_ID = re.compile(r"(train|valid|test)/([1-4])hop/(0|[1-9]\d{0,8})", re.ASCII)
_DRAWS = 50
"""For each held-out question, until it must be a new one."""


class Bank:
    """All questions over a world, made when asked for; one serves all environments of a process."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._held_out: dict[tuple[str, int], Sequence[Question]] = {}

    def question(self, split: str, hops: int, index: int) -> Question:
        """The question of that number."""
        if split == "train":
            return draw(self.world, split, hops, random.Random(f"agentrl searchqa train {hops} {index}"))
        if (split, hops) not in self._held_out:
            self._held_out[split, hops] = self._draw_all(split, hops)
        return self._held_out[split, hops][index]

    def _draw_all(self, split: str, hops: int) -> Sequence[Question]:
        """A whole held-out split: no two of its questions follow from the same evidence to the same answer."""
        rng = random.Random(f"agentrl searchqa {split} {hops}")
        found: dict[object, Question] = {}
        for _ in range(_DRAWS * SIZES[split]):
            question = draw(self.world, split, hops, rng)
            found.setdefault((question.evidence, question.answers), question)
            if len(found) == SIZES[split]:
                return tuple(found.values())
        raise ConfigError(f"this world has only {len(found)} {split} questions of {hops} hops: ask for more articles")


class Tasks:
    """Questions over a generated world.

    Args:
        hops: those that `ids` lists; others can still be asked for by their ids.
    """

    splits = tuple(SIZES)

    def __init__(self, bank: Bank, hops: Sequence[int]) -> None:
        if not hops or not {*hops} <= {*HOPS}:
            raise ConfigError(f"hops={hops!r}: name some of {', '.join(map(str, HOPS))}")
        self.bank, self.hops = bank, tuple(sorted({*hops}))

    def ids(self, split: str) -> Sequence[str]:
        """Ids of a split, the numbers of hops in turn."""
        return LazyIds(range(SIZES[split] * len(self.hops)), partial(_name, split, self.hops))

    def question(self, task_id: str) -> Question:
        """The question of an id.

        Raises:
            UnknownNameError: there is none.
        """
        return self.bank.question(*_parse(task_id))

    def kind(self, task_id: str) -> str:
        """The number of hops: `3hop`."""
        return f"{_parse(task_id)[1]}hop"


def _parse(task_id: str) -> tuple[str, int, int]:
    """Split, hops and index."""
    match = _ID.fullmatch(task_id)
    if not match or int(match[3]) >= SIZES[match[1]]:
        raise UnknownNameError("task", task_id, [f"{split}/{hops}hop/0" for split in SIZES for hops in HOPS])
    return match[1], int(match[2]), int(match[3])


def _name(split: str, hops: Sequence[int], number: int) -> str:
    """Ids take the numbers of hops in turn."""
    index, turn = divmod(number, len(hops))
    return f"{split}/{hops[turn]}hop/{index}"
