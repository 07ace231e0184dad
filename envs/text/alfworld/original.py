"""The original engine behind the interface of ours: textworld's `PddlEnv` with alfworld's wrappers.

It takes tens of milliseconds a step and plays what our engine refuses. Its state lives inside a native library and
cannot be copied, so a copy of a state is its history, carried out again when the copy is first used.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agentrl.errors import CorruptFileError, MissingExtraError


@contextmanager
def _own_argv() -> Iterator[None]:
    """Keep `sys.argv` from the planner's translator, which reads options from it and leaves its own there."""
    before = sys.argv
    sys.argv = ["translate.py", "domain", "task"]
    try:
        yield
    finally:
        sys.argv = before


try:
    with _own_argv():
        from fast_downward.translate.pddl_parser.lisp_parser import ParseError
    import textworld
    from alfworld.agents.environment.alfred_tw_env import AlfredDemangler, AlfredInfos
    from tatsu.exceptions import ParseException
    from textworld.envs.pddl import PddlEnv
except ImportError as error:
    raise MissingExtraError("alfworld", "text") from error


class OriginalState:
    """A point in a game: the commands so far and, once it is used, the engine that carried them out."""

    def __init__(self, history: tuple[str, ...] = ()) -> None:
        self.history = history
        self.live: LiveGame | None = None

    def copy(self) -> OriginalState:
        return OriginalState(self.history)

    def __getstate__(self) -> dict[str, Any]:
        return {"history": self.history, "live": None}


class LiveGame:
    """One running instance of the original engine.

    Args:
        data: content of a `game.tw-pddl`.
        name: what an error mentions.

    Raises:
        CorruptFileError: the original engine cannot load it, e.g. because the goal is out of reach.
    """

    def __init__(self, data: Mapping[str, Any], name: str) -> None:
        self._planner = PddlEnv(textworld.EnvInfos(won=True, admissible_commands=True, extras=["gamefile"]))
        self._env = AlfredInfos(AlfredDemangler(self._planner, shuffle=False))
        try:
            with _own_argv():
                self._env.load(data)
            self.reset()
        except (AssertionError, KeyError, ValueError, ParseError, ParseException, SystemExit) as error:
            # All that is known to come out of the parsers and the planner's translator for damaged files.
            raise CorruptFileError(name, f"the original engine cannot load it: {error!r}") from error
        # Free the library's tables. Unloading the library too would crash at exit: it has registered exit handlers.
        weakref.finalize(self, self._planner.downward_lib.cleanup).atexit = False

    def reset(self) -> None:
        with _own_argv():
            self._state = self._env.reset()

    def step(self, command: str) -> None:
        self._state, _, _ = self._env.step(command)

    @property
    def text(self) -> str:
        return str(self._state.feedback)

    @property
    def valid(self) -> bool:
        """Whether the last command did something."""
        return self._state["_last_action"] is not None

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(self._state["admissible_commands"])

    @property
    def score(self) -> int:
        score = self._state.get("score")  # none yet after a reset
        return int(self.won if score is None else score)

    @property
    def won(self) -> bool:
        return bool(self._state["won"])

    def plan(self) -> list[str]:
        """Commands to the goal by the library's planner; empty if it finds none."""
        return list(self._planner._pddl_state.replan(self._planner._entity_infos))


class OriginalEngine:
    """What `Engine` is for our engine. It knows of no goal conditions: its `share` is 1 when won, else 0."""

    def __init__(self, data: Mapping[str, Any], name: str, task_type: str) -> None:
        self.data, self.name, self.task_type = data, name, task_type

    def start(self) -> OriginalState:
        return OriginalState()

    def introduction(self, state: OriginalState) -> str:
        return self._live(state).text

    def step(self, state: OriginalState, command: str) -> str | None:
        live = self._live(state)
        live.step(command)
        state.history = (*state.history, command)
        return live.text if live.valid else None

    def commands(self, state: OriginalState) -> tuple[str, ...]:
        return self._live(state).commands

    def share(self, state: OriginalState) -> float:
        return float(self._live(state).won)

    def plan(self, state: OriginalState) -> list[str]:
        return self._live(state).plan()

    def _live(self, state: OriginalState) -> LiveGame:
        if state.live is None:
            state.live = LiveGame(self.data, self.name)
            for command in state.history:
                state.live.step(command)
        return state.live
