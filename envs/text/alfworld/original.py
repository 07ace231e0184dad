"""The original engine behind the interface of ours: textworld's `PddlEnv` with alfworld's wrappers.

It takes tens of milliseconds a step and plays what our engine refuses. Its state lives inside a native library and
cannot be copied, so a copy of a state is its history, carried out again when the copy is first used.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from agentrl.errors import MissingExtraError

try:
    import textworld
    from alfworld.agents.environment.alfred_tw_env import AlfredDemangler, AlfredInfos
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
    """One running instance of the original engine, from the content or the path of a `game.tw-pddl`."""

    def __init__(self, game: str | Mapping[str, Any]) -> None:
        self._planner = PddlEnv(textworld.EnvInfos(won=True, admissible_commands=True, extras=["gamefile"]))
        self._env = AlfredInfos(AlfredDemangler(self._planner, shuffle=False))
        self._env.load(game)
        self.reset()
        # Free the library's tables. Unloading the library too would crash at exit: it has registered exit handlers.
        weakref.finalize(self, self._planner.downward_lib.cleanup).atexit = False

    def reset(self) -> None:
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
        return int(self._state.get("score") or 0)  # none yet after a reset

    @property
    def won(self) -> bool:
        return bool(self._state["won"])

    def plan(self) -> list[str]:
        """Commands to the goal by the library's planner; empty if it finds none."""
        return list(self._planner._pddl_state.replan(self._planner._entity_infos))


class OriginalEngine:
    """What `Engine` is for our engine. It knows of no goal conditions: its `share` is 1 when won, else 0."""

    def __init__(self, game: str | Mapping[str, Any], task_type: str) -> None:
        self.game, self.task_type = game, task_type

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
            state.live = LiveGame(self.game)
            for command in state.history:
                state.live.step(command)
        return state.live
