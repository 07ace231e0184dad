"""Named sets of generated games: `train/17` is one, and so is its game."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import overload

from agentrl.envs.text.alfworld.game import TASK_TYPES, Game
from agentrl.envs.text.alfworld.generator import generate
from agentrl.errors import UnknownNameError

SIZES = {"train": 2**31 - 1, "valid_seen": 140, "valid_unseen": 134, "test_unseen": 402}
"""Games per split. The two unseen ones have only floor plans that the others never have."""


class TaskIds(Sequence[str]):
    """The ids of a split's games of some types, made when asked for.

    Args:
        split: name of the split.
        turns: those of its types, as places in `TASK_TYPES`, which take turns in a split; ascending.
        places: which of the games of these types.
    """

    def __init__(self, split: str, turns: tuple[int, ...], places: range | None = None) -> None:
        rounds, rest = divmod(SIZES[split], len(TASK_TYPES))
        self.split, self.turns = split, turns
        self.places = range(rounds * len(turns) + sum(t < rest for t in turns)) if places is None else places

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, item: int) -> str: ...
    @overload
    def __getitem__(self, item: slice) -> TaskIds: ...
    def __getitem__(self, item: int | slice) -> str | TaskIds:
        if isinstance(item, slice):
            return TaskIds(self.split, self.turns, self.places[item])
        rounds, turn = divmod(self.places[item], len(self.turns))
        return f"{self.split}/{rounds * len(TASK_TYPES) + self.turns[turn]}"

    def __contains__(self, task_id: object) -> bool:
        index = _index(str(task_id))
        rounds, turn = divmod(index, len(TASK_TYPES))
        if turn not in self.turns or task_id != f"{self.split}/{index}":
            return False
        return rounds * len(self.turns) + self.turns.index(turn) in self.places

    def __repr__(self) -> str:
        return f"TaskIds({self.split!r}, {self.turns!r}, {self.places!r})"


def task_ids(split: str, task_types: Collection[str] = ()) -> TaskIds:
    """Ids of a split's games, `"<split>/<index>"`, as a lazy sequence.

    Args:
        task_types: only games of these; all by default.

    Raises:
        UnknownNameError: there is no such split, or no such type.
    """
    if split not in SIZES:
        raise UnknownNameError("split", split, SIZES)
    for name in task_types:
        if name not in TASK_TYPES:
            raise UnknownNameError("task type", name, TASK_TYPES)
    return TaskIds(split, tuple(i for i, name in enumerate(TASK_TYPES) if name in task_types or not task_types))


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
