"""Where tasks come from: the ones that are shipped, or a file of instances."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from agentrl.envs.swe.instance import Instance, read_instances
from agentrl.errors import ConfigError, UnknownNameError

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


class TaskSet(Protocol):
    """Tasks by id, in splits."""

    splits: tuple[str, ...]

    def ids(self, split: str) -> Sequence[str]:
        """
        Raises:
            UnknownNameError: there is no such split.
        """
        ...

    def instance(self, task_id: str) -> Instance:
        """
        Raises:
            UnknownNameError: there is no such task.
        """
        ...

    def kind(self, task_id: str) -> str:
        """What kind of bug it is; "" where that is not known."""
        ...


class ShippedTasks(TaskSet):
    """Those over the libraries in `repos/`.

    Args:
        small: only those that a small policy can solve in the surface `lines`.
    """

    splits = SPLITS

    def __init__(self, *, small: bool = False) -> None:
        self._small = small

    def ids(self, split: str) -> Sequence[str]:
        if split not in self.splits:
            raise UnknownNameError("split", split, self.splits)
        from agentrl.envs.swe import tasks

        return [name for name in tasks.tasks(split) if not self._small or tasks.task(name).small]

    def instance(self, task_id: str) -> Instance:
        from agentrl.envs.swe import tasks

        return tasks.instance(task_id)

    def kind(self, task_id: str) -> str:
        return modifier_of(task_id)


class FileTasks(TaskSet):
    """The instances of a file of JSON lines, whoever made it.

    A tenth is for `test` and a tenth for `valid`, at least one each, chosen by the hashes of their ids; where there are
    fewer than three, all are in `train`.

    Args:
        keep: which of them to take; default all.

    Raises:
        ConfigError: there is no such file, or no instance in it.
        CorruptFileError: a line is no instance.
    """

    def __init__(self, path: Path, keep: Callable[[Instance], bool] | None = None) -> None:
        try:
            found = read_instances(path)
        except FileNotFoundError:
            raise ConfigError(f"there is no file {path}: make one with agentrl swe build --out {path}") from None
        self._instances = {name: one for name, one in found.items() if keep is None or keep(one)}
        if not self._instances:
            raise ConfigError(f"{path} holds no instance" + (" that this surface can solve" if found else ""))
        ids = sorted(self._instances, key=lambda name: hashlib.sha256(name.encode()).digest())
        tenth = max(1, len(ids) // 10) if len(ids) > 2 else 0
        parts = ids[2 * tenth :], ids[tenth : 2 * tenth], ids[:tenth]
        self._ids = {split: sorted(part) for split, part in zip(SPLITS, parts, strict=True) if part}
        self.splits = tuple(self._ids)

    def ids(self, split: str) -> Sequence[str]:
        if split not in self._ids:
            raise UnknownNameError("split", split, self.splits)
        return self._ids[split]

    def instance(self, task_id: str) -> Instance:
        if task_id not in self._instances:
            raise UnknownNameError("task", task_id, self._instances)
        return self._instances[task_id]

    def kind(self, task_id: str) -> str:
        return modifier_of(task_id)


def modifier_of(task_id: str) -> str:
    """The kind of bug, from an id in SWE-smith's form: `owner__name.commit.modifier__hash`; "" of others."""
    return task_id.rpartition(".")[2].rpartition("__")[0]
