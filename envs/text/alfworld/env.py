"""`ALFWorld-v0`: household tasks in text, generated or from the original package's files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from agentrl.envs.base import Result, TextEnv
from agentrl.envs.text.alfworld.engine import NOTHING_HAPPENS, Engine
from agentrl.envs.text.alfworld.loader import find_games, load_game
from agentrl.envs.text.alfworld.oracle import plan
from agentrl.envs.text.alfworld.splits import load_task, task_ids
from agentrl.envs.text.alfworld.state import State
from agentrl.errors import UnknownNameError
from agentrl.types import Outcome

_INVALID = Outcome.invalid_action(NOTHING_HAPPENS)
_WON = Outcome.terminated(success=True)
_RUNNING = Outcome.running()


class ALFWorldEnv(TextEnv):
    """ALFWorld's six household tasks, played by free text such as "take apple 1 from fridge 1".

    Args:
        split: `train`, `valid_seen`, `valid_unseen` or `test_unseen`; the unseen ones have floor plans of their own.
        games: None for generated games, which never end; else a `game.tw-pddl`, a folder of them or a glob, see
            `loader.find_games`. The tasks are then their paths.
        engine: `native`, or `original` to play through textworld and alfworld, thousands of times slower.
        render_mode: `ansi` or None.

    Reward channels: `outcome` is 1 when the task is solved, else 0; `progress` is what the turn added to the share of
    the goal reached (see `progress.py`), so it sums to that share, and to 1 over a solved episode that started at 0.
    `info` has `admissible_commands`, `won`, `score` and `task_type`.
    """

    family = "text"
    splits: ClassVar[tuple[str, ...]] = ("train", "valid_seen", "valid_unseen", "test_unseen")

    def __init__(
        self,
        *,
        split: str | None = None,
        games: str | os.PathLike[str] | None = None,
        engine: str = "native",
        render_mode: str | None = None,
    ) -> None:
        super().__init__(split=split, render_mode=render_mode)
        if engine not in ("native", "original"):
            raise UnknownNameError("engine", engine, ["native", "original"])
        self.games = games
        self._tasks: dict[str, Sequence[str]] = {}
        self.engine: Engine | None = None

    def tasks(self, split: str | None = None) -> Sequence[str]:
        split = split or self.split
        if split not in self.splits:
            raise UnknownNameError("split", split, self.splits)
        if split not in self._tasks:
            self._tasks[split] = task_ids(split) if self.games is None else tuple(find_games(self.games, split))
        return self._tasks[split]

    def begin(self, task_id: str) -> Result:
        self.engine = _generated(task_id) if self.games is None else self._from_file(task_id)
        self.state = self.engine.start()
        return self._result(self.engine.introduction(), self.state, {}, _RUNNING)

    def act(self, action: str) -> Result:
        assert self.engine is not None
        state = self.state
        before = state.share
        text = self.engine.step(state, action)
        if text is None:
            return self._result(NOTHING_HAPPENS, state, {"outcome": 0.0, "progress": 0.0}, _INVALID)
        won = self.engine.won(state)
        rewards = {"outcome": float(won), "progress": state.share - before}
        return self._result(text, state, rewards, _WON if won else _RUNNING)

    def oracle(self) -> Iterator[str]:
        assert self.engine is not None
        return iter(plan(self.engine, self.state) if self.state is not None else ())

    def copy_state(self, state: State | None) -> State | None:
        return None if state is None else state.copy()

    def snapshot(self) -> Any:
        return self.engine, super().snapshot()

    def restore(self, snapshot: Any) -> None:
        self.engine, inner = snapshot
        super().restore(inner)

    def _from_file(self, task_id: str) -> Engine:
        if not os.path.isfile(task_id):
            raise UnknownNameError("task", task_id, self.tasks())
        return _loaded(task_id, os.stat(task_id).st_mtime_ns)

    def _result(self, text: str, state: State, rewards: dict[str, float], outcome: Outcome) -> Result:
        assert self.engine is not None
        won = self.engine.won(state)
        info = {"won": won, "score": int(won), "task_type": self.engine.game.goal.task_type}
        return Result(text, rewards, outcome, self.engine.menu(state).commands, info)


@lru_cache(maxsize=256)
def _generated(task_id: str) -> Engine:
    return Engine(load_task(task_id))


@lru_cache(maxsize=256)
def _loaded(path: str, changed: int) -> Engine:
    return Engine(load_game(path))
