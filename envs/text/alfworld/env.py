"""`ALFWorld-v0`: household tasks in text, generated or from the original package's files."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from agentrl.envs.base import Result, TextEnv
from agentrl.envs.text.alfworld.engine import NOTHING_HAPPENS, Engine
from agentrl.envs.text.alfworld.explorer import Explorer
from agentrl.envs.text.alfworld.export import game_file
from agentrl.envs.text.alfworld.loader import find_games, load_game, read_json, task_type_of
from agentrl.envs.text.alfworld.splits import load_task, task_ids
from agentrl.errors import UnknownNameError
from agentrl.types import Outcome

_INVALID = Outcome.invalid_action(NOTHING_HAPPENS)
_WON = Outcome.terminated(success=True)
_RUNNING = Outcome.running()


class GameEngine(Protocol):
    """One game, in our engine or the original. Every method takes a state that `start` made; `step` changes it."""

    task_type: str

    def start(self) -> Any: ...
    def introduction(self, state: Any) -> str: ...
    def step(self, state: Any, command: str) -> str | None: ...
    def commands(self, state: Any) -> Sequence[str]: ...
    def share(self, state: Any) -> float: ...
    def plan(self, state: Any) -> list[str]: ...


class ALFWorldEnv(TextEnv):
    """ALFWorld's six household tasks, played by free text such as "take apple 1 from fridge 1".

    Args:
        split: `train`, `valid_seen`, `valid_unseen` or `test_unseen`; the unseen ones have floor plans of their own.
        games: None for generated games, which never end; else a `game.tw-pddl`, a folder of them or a glob, see
            `loader.find_games`. The tasks are then their paths.
        task_types: only tasks of these types, e.g. `pick_heat_then_place_in_recep`; all by default.
        engine: `native`, or `original` to play through textworld and alfworld, thousands of times slower.
        render_mode: `ansi` or None.

    Reward channels: `outcome` is 1 when the task is solved, else 0; `progress` is what the turn added to the share of
    the goal reached (see `progress.py`), so it sums to that share, and to 1 over a solved episode that started at 0.
    `info` has `admissible_commands`, `won`, `score` and `task_type`.
    """

    family = "text"
    splits: tuple[str, ...] = ("train", "valid_seen", "valid_unseen", "test_unseen")
    channels: tuple[str, ...] = ("outcome", "progress")

    def __init__(
        self,
        *,
        split: str | None = None,
        games: str | os.PathLike[str] | None = None,
        task_types: Collection[str] = (),
        engine: str = "native",
        render_mode: str | None = None,
    ) -> None:
        super().__init__(split=split, render_mode=render_mode)
        if engine not in _ENGINES:
            raise UnknownNameError("engine", engine, _ENGINES)
        task_ids(self.split, task_types)  # refuses what is no type
        self.games, self.task_types = games, tuple(task_types)
        self.blocking = engine == "original"
        self._make_engine = _ENGINES[engine]
        self._tasks: dict[str, Sequence[str]] = {}
        self._engine: GameEngine | None = None

    def tasks(self, split: str | None = None) -> Sequence[str]:
        split = split or self.split
        if split not in self.splits:
            raise UnknownNameError("split", split, self.splits)
        if split not in self._tasks:
            self._tasks[split] = self._find(split)
        return self._tasks[split]

    def _find(self, split: str) -> Sequence[str]:
        if self.games is None:
            return task_ids(split, self.task_types)
        paths = find_games(self.games, split)
        return tuple(p for p in paths if task_type_of(p) in self.task_types) if self.task_types else tuple(paths)

    def begin(self, task_id: str) -> Result:
        changed = None
        if self.games is not None:
            if not os.path.isfile(task_id):
                raise UnknownNameError("task", task_id, self.tasks())
            changed = os.stat(task_id).st_mtime_ns
        engine = self._engine = self._make_engine(task_id, changed)
        self.state = engine.start()
        return self._result(engine.introduction(self.state), {}, _RUNNING)

    def act(self, action: str) -> Result:
        engine, state = self._playing(), self.state
        before = engine.share(state)
        text = engine.step(state, action)
        if text is None:
            return self._result(NOTHING_HAPPENS, {"outcome": 0.0, "progress": 0.0}, _INVALID)
        share = engine.share(state)
        rewards = {"outcome": float(share == 1.0), "progress": share - before}
        return self._result(text, rewards, _WON if share == 1.0 else _RUNNING)

    def oracle(self) -> Iterator[str]:
        return iter(self._playing().plan(self.state) if self.state is not None else ())

    def kind(self, task_id: str) -> str:
        """The task type, e.g. `pick_heat_then_place_in_recep`."""
        return load_task(task_id).goal.task_type if self.games is None else task_type_of(task_id)

    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> Explorer:
        """An expert that reads only the text; call it right after `reset`."""
        return Explorer(self._last, mistakes=mistakes, seed=seed)

    def copy_state(self, state: Any) -> Any:
        return None if state is None else state.copy()

    def snapshot(self) -> Any:
        return self._engine, super().snapshot()

    def restore(self, snapshot: Any) -> None:
        self._engine, inner = snapshot
        super().restore(inner)

    def _playing(self) -> GameEngine:
        assert self._engine is not None
        return self._engine

    def _result(self, text: str, rewards: dict[str, float], outcome: Outcome) -> Result:
        engine = self._playing()
        won = engine.share(self.state) == 1.0
        info = {"won": won, "score": int(won), "task_type": engine.task_type}
        return Result(text, rewards, outcome, engine.commands(self.state), info)


@lru_cache(maxsize=256)
def _native(task_id: str, changed: int | None) -> GameEngine:
    """Our engine for a generated game or, if `changed` gives its time of change, for a file."""
    return Engine(load_task(task_id) if changed is None else load_game(task_id))


def _original(task_id: str, changed: int | None) -> GameEngine:
    from agentrl.envs.text.alfworld.original import OriginalEngine  # imports textworld, which takes seconds

    if changed is not None:
        return OriginalEngine(read_json(task_id), task_id, task_type_of(task_id))
    game = load_task(task_id)
    return OriginalEngine(game_file(game), task_id, game.goal.task_type)


_ENGINES: Mapping[str, Callable[[str, int | None], GameEngine]] = {"native": _native, "original": _original}
