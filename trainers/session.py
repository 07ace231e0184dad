"""What every phase of a run shares: its processes, its folder, its policy, and the state that survives a kill."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from agentrl.config import Config
from agentrl.envs.base import Episode
from agentrl.trainers.checkpoint import checkpoints as saved_checkpoints
from agentrl.trainers.checkpoint import load_state, save_checkpoint
from agentrl.trainers.learner import Learner
from agentrl.trainers.prepare import Policy, load_policy
from agentrl.trainers.progress import Progress
from agentrl.trainers.routing import played_env, routing
from agentrl.trainers.runs import CHECKPOINTS, Run, RunWriter
from agentrl.trainers.staleness import LengthMeter
from agentrl.trainers.world import World

Phase = Literal["warm_start", "rl", "done"]


@dataclass(slots=True)
class State:
    """Where a run stands. Plain values: it is a part of each checkpoint."""

    phase: Phase = "warm_start"
    step: int = 0
    """Optimiser steps of the warm start plus steps of RL: the run's one axis."""
    version: int = 0
    """Policy version: how often RL published weights."""
    gap: float | None = None
    """Mean |log π_engine − log π_trainer| when it was last measured."""
    rows: int = 0
    """Rows of metrics written so far."""
    tokens: dict[str, int] = field(default_factory=lambda: {"trained": 0, "generated": 0})
    episodes: dict[str, int] = field(default_factory=lambda: {"demonstrations": 0, "rl": 0, "evaluation": 0})
    alive: dict[str, float] = field(default_factory=dict)
    """See `Curriculum.alive`."""
    before: dict[str, float] = field(default_factory=dict)
    """Measurements on the test split before RL."""
    after: dict[str, float] = field(default_factory=dict)
    lengths: LengthMeter = field(default_factory=LengthMeter)

    @classmethod
    def load(cls, saved: Mapping[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`."""
        state = cls(**saved)
        state.lengths = LengthMeter(**saved["lengths"])
        return state


class Session:
    """One process's view of a run. Only the first rank has a folder and a screen."""

    def __init__(self, world: World, config: Config, path: Path, *, resume: bool) -> None:
        self.world, self.config, self.path = world, config, path
        self.routing = routing(config)
        self.env: Episode = played_env(config, self.routing)
        self.state = State()
        self.policy: Policy | None = None
        self.run: RunWriter | None = None
        self._learner_state: dict[str, Any] | None = None
        last = _last_checkpoint(path) if resume else None
        if last is not None:
            saved = load_state(last)
            self.state = State.load(saved["state"])
            self._learner_state = saved["learner"]
            self.policy = load_policy(last, config)
        if world.first:
            if resume:
                self.run = RunWriter.resume(path, self.state.step, self.state.rows)
            else:
                self.run = RunWriter.create(path, config.toml())
        self.progress = Progress(enabled=world.first)

    def learner_state(self) -> dict[str, Any] | None:
        """What the checkpoint holds of the learner of the current phase; None at the start of a phase."""
        state, self._learner_state = self._learner_state, None
        return state

    def log(self, values: Mapping[str, float]) -> None:
        """Write metrics of the current step."""
        self.state.rows += 1
        if self.run is not None:
            self.run.log(self.state.step, values)

    def checkpoint(self, learner: Learner, *, phase_over: bool = False) -> None:
        """Save everything that a resumed run needs. After the last step of a phase its optimiser is not kept."""
        if self.run is None or self.policy is None:
            return
        state = {
            "state": dataclasses.asdict(self.state),
            "learner": None if phase_over else learner.state_dict(),
        }
        save_checkpoint(
            self.run.path / CHECKPOINTS,
            self.state.step,
            learner.model,
            learner.weights(),
            self.policy.tokenizer,
            state,
            keep=self.config.run.keep_checkpoints,
        )

    def close(self) -> None:
        self.progress.close()
        if self.routing is not None:
            self.routing.close()
        if self.run is not None:
            self.run.close()


def _last_checkpoint(path: Path) -> Path | None:
    checkpoints = saved_checkpoints(Run.open(path).path / CHECKPOINTS)
    return checkpoints[-1] if checkpoints else None
