"""Named sets of generated games: `train/17` is one, and so is its game."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from agentrl.envs.text.alfworld.game import Game
from agentrl.envs.text.alfworld.generator import generate
from agentrl.errors import UnknownNameError

SIZES = {"train": 2**31 - 1, "valid_seen": 140, "valid_unseen": 134, "test_unseen": 402}
"""Games per split. The two unseen ones have only floor plans that the others never have."""


class TaskIds(Sequence[str]):
    """The ids of a split, made when asked for."""

    def __init__(self, split: str, indices: range) -> None:
        self.split, self.indices = split, indices

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, item: int) -> str: ...
    @overload
    def __getitem__(self, item: slice) -> TaskIds: ...
    def __getitem__(self, item: int | slice) -> str | TaskIds:
        if isinstance(item, slice):
            return TaskIds(self.split, self.indices[item])
        return f"{self.split}/{self.indices[item]}"

    def __contains__(self, task_id: object) -> bool:
        index = _index(str(task_id))
        return index in self.indices and task_id == f"{self.split}/{index}"

    def __repr__(self) -> str:
        return f"TaskIds({self.split!r}, {self.indices!r})"


def task_ids(split: str) -> TaskIds:
    """Ids of a split's games, `"<split>/<index>"`, as a lazy sequence.

    Raises:
        UnknownNameError: there is no such split.
    """
    if split not in SIZES:
        raise UnknownNameError("split", split, SIZES)
    return TaskIds(split, range(SIZES[split]))


def load_task(task_id: str) -> Game:
    """The game of an id such as `valid_unseen/3`.

    Raises:
        UnknownNameError: there is no such task; the message names the nearest form.
    """
    split, index = task_id.partition("/")[0], _index(task_id)
    if split not in SIZES or task_id not in task_ids(split):
        raise UnknownNameError("task", task_id, [f"{name}/{min(index, n - 1)}" for name, n in SIZES.items()])
    return generate(split, index)


def _index(task_id: str) -> int:
    """The number after the slash, 0 where there is none that fits a split."""
    number = task_id.partition("/")[2]
    return int(number) if number.isdecimal() and len(number) <= len(str(2**31)) else 0
