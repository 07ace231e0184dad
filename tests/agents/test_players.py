"""Players without a model, in a small environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from agentrl.agents.players import PLAYERS, Human, play_with, player_factory
from agentrl.envs.base import Episode, Result, TextEnv
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome, Task


@dataclass
class Walk:
    position: int


class Corridor(TextEnv):
    """Reach door 3; every step says where one is."""

    tells_commands = True

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return ["0"]

    def begin(self, task_id: str) -> Result:
        self.state = Walk(0)
        return self._result("You are at door 0.")

    def act(self, action: str) -> Result:
        self.state.position += {"right": 1, "left": -1}.get(action, 0)
        solved = self.state.position == 3
        outcome = Outcome.terminated(success=True) if solved else Outcome.running()
        return self._result(f"You are at door {self.state.position}.", {"outcome": float(solved)}, outcome)

    def oracle(self) -> Iterator[str]:
        yield from ["right"] * (3 - self.state.position)

    def _result(self, text: str, rewards: dict[str, float] | None = None, outcome: Outcome | None = None) -> Result:
        commands = ["left", "right"] if self.tells_commands else None
        return Result(text, rewards or {}, outcome or Outcome.running(), commands)


TASK = Task("Corridor-v0", "0")


@pytest.mark.parametrize("name", ["oracle", "explorer"])
def test_experts_solve(name: str) -> None:
    turns = play_with(Episode(Corridor()), player_factory(name), TASK)
    assert [t.action for t in turns] == ["right"] * 3
    assert turns[-1].outcome.solved
    assert [t.observation for t in turns] == [f"You are at door {i}." for i in range(3)]
    assert [t.parent for t in turns] == [None, 0, 1]
    assert turns[-1].rewards == {"outcome": 1.0}


def test_random_is_seeded_and_limited() -> None:
    def actions(seed: int) -> list[str]:
        return [t.action for t in play_with(Episode(Corridor()), PLAYERS["random"], TASK, seed=seed, max_turns=12)]

    assert actions(1) == actions(1)
    assert len({tuple(actions(s)) for s in range(5)}) > 1
    turns = play_with(Episode(Corridor()), PLAYERS["random"], TASK, seed=1, max_turns=2)
    assert turns[-1].outcome == Outcome.truncated("max_turns")


def test_random_needs_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Corridor, "tells_commands", False)
    with pytest.raises(ConfigError, match="admissible"):
        play_with(Episode(Corridor()), PLAYERS["random"], TASK)


def test_human_is_shown_the_observation_and_asked() -> None:
    shown: list[str] = []
    answers = iter(["  right ", "right", "right"])
    turns = play_with(Episode(Corridor()), lambda env, seed: Human(shown.append, lambda _: next(answers)), TASK)
    assert shown == [t.observation for t in turns]
    assert turns[-1].outcome.solved


def test_unknown_player_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="explorer"):
        player_factory("explore")
