"""A task of OSWorld on our desktop, graded by OSWorld's rules.

- `func` `infeasible`: 1 if the last action was FAIL, else 0. Any other task whose last action is FAIL: 0.
- Several metrics joined by `and`: 0 as soon as one gives 0, or a result is missing; else their mean.
- Joined by `or`: 1 as soon as one gives 1; else the greatest.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from agentrl.envs.gui.desktop.osworld import getters, steps
from agentrl.envs.gui.desktop.osworld.files import Getter, TaskFile, read
from agentrl.envs.gui.desktop.osworld.metrics import METRICS, examine
from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks.base import Task
from agentrl.envs.gui.desktop.tasks.words import Dice
from agentrl.errors import ConfigError, UnsupportedTaskError


def load(path: Path) -> OSWorldTask:
    """Read a task, and see that all it needs is here.

    Nothing is downloaded. What OSWorld would fetch is taken from a folder beside the file, of the same name without
    `.json`, under the name that it gets on the desktop.

    Args:
        path: a JSON file of OSWorld.

    Raises:
        OSError: the file cannot be read.
        CorruptFileError: it is no task of OSWorld.
        UnsupportedTaskError: it needs what we do not have; the message names it.
    """
    try:
        return OSWorldTask(read(path), path.with_suffix(""))
    except UnsupportedTaskError as error:
        raise UnsupportedTaskError(f"{path.name}: {error}") from error


def ids(folder: Path) -> list[str]:
    """The paths of all task files below a folder, without `.json`: as OSWorld has them, `os/5ea617a3-…`.

    Raises:
        ConfigError: there are none.
    """
    files = set(folder.rglob("*.json"))
    found = [path for path in files if path.parent.with_suffix(".json") not in files]  # else it is a file of a task's
    if not found:
        raise ConfigError(f"there are no task files (.json) in {folder}")
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in found)


@dataclass(frozen=True, slots=True)
class _Check:
    """A metric, what it looks at and what it compares that with."""

    metric: Callable[..., float]
    result: getters.Get
    expected: getters.Get | None

    async def score(self, desktop: Desktop) -> float:
        """0 where there is nothing to look at."""
        try:
            seen = [await self.result(desktop)]
        except OSError:
            return 0.0
        if seen[0] is None:
            return 0.0
        if self.expected:
            seen.append(await self.expected(desktop))
        return float(self.metric(*seen))


class OSWorldTask(Task):
    """A task that was read from a file.

    Args:
        cache: folder with what OSWorld would download.

    Raises:
        UnsupportedTaskError: it needs what we do not have; the message names it.
    """

    template = "osworld"

    def __init__(self, file: TaskFile, cache: Path) -> None:
        super().__init__(file.id)
        evaluator = file.evaluator
        self.instruction, self.files = file.instruction, {}
        self.apps = tuple(file.related_apps)
        self.feasible = evaluator.func != ["infeasible"]
        self._config = [steps.prepare(step, cache) for step in file.config]
        self._postconfig = [steps.prepare(step, cache) for step in evaluator.postconfig]
        self._conj = evaluator.conj
        self._checks = _checks(file, cache) if self.feasible else []

    def draw(self, dice: Dice) -> None:
        """Nothing: all is in the file."""

    async def setup(self, desktop: Desktop) -> None:
        for do in self._config:
            await do(desktop)

    async def evaluate(self, desktop: Desktop, last_action: str) -> float:
        for do in self._postconfig:
            await do(desktop)
        if not self.feasible or last_action == "FAIL":
            return float(not self.feasible and last_action == "FAIL")
        return await self.grade(desktop)

    async def grade(self, desktop: Desktop) -> float:
        scores: list[float] = []
        enough = 0.0 if self._conj == "and" else 1.0
        for check in self._checks:
            scores.append(await check.score(desktop))
            if scores[-1] == enough:
                return enough
        return sum(scores) / len(scores) if self._conj == "and" else max(scores)

    def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        """
        Raises:
            ConfigError: always: OSWorld's files do not tell how it is done.
        """
        raise ConfigError("tasks of OSWorld have no oracle: their files do not tell how they are done")


def _checks(file: TaskFile, cache: Path) -> list[_Check]:
    evaluator = file.evaluator
    count = len(evaluator.func)
    expected = evaluator.expected or [None] * count
    options = evaluator.options or [{}] * count
    for name, found in (("result", evaluator.result), ("expected", expected), ("options", options)):
        if len(found) != count:
            raise UnsupportedTaskError(f"the evaluator has {count} metrics, but {len(found)} of {name}")
    parts = zip(evaluator.func, evaluator.result, expected, options, strict=True)
    return [_check(*each, cache) for each in parts]


def _check(
    name: str, result: Getter | None, expected: Getter | None, options: dict[str, Any] | None, cache: Path
) -> _Check:
    if name not in METRICS:
        raise UnsupportedTaskError(f"there is no metric {name!r} here, only {', '.join(METRICS)}")
    if result is None:
        raise UnsupportedTaskError(f"the metric {name} has no result to look at")
    metric = METRICS[name]
    arguments = [None] if expected is None else [None, None]
    try:
        inspect.signature(metric).bind(*arguments, **(options or {}))
    except TypeError as error:
        raise UnsupportedTaskError(f"the metric {name} is not used like that here: {error}") from error
    if expected is not None and expected.type == "rule":
        examine(name, expected.arguments.get("rules"))
    return _Check(
        partial(metric, **(options or {})),
        getters.prepare(result, cache),
        None if expected is None else getters.prepare(expected, cache),
    )
