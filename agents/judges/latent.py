"""Judges that know how good a trajectory is, and err as much as they are told: for measuring what is made of verdicts.

    pairwise   s_i = q_i + b [i comes first] + σ ε      one ε ~ N(0, 1) for each trajectory and order of presentation
    pointwise  s_i = c q_i + σ ε                        one ε for each trajectory

q is the quality, σ the noise, b the position bias and c ≤ 1 the compression of the range of scores.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentrl.errors import ConfigError
from agentrl.types import Task, Turn, total

Quality = Callable[[Task, Sequence[Turn]], float]


def quality_of(name: str) -> Quality:
    """The sum of a reward channel along the trajectory, or a function of task and turns by `module:name`.

    Raises:
        ConfigError: the module cannot be imported or has no such function.
    """
    module, _, attribute = name.rpartition(":")
    if not module:
        return lambda task, turns: total(turns, name)
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ModuleNotFoundError, AttributeError) as error:
        raise ConfigError(f"quality {name}: {error}") from error
    if not callable(found):
        raise ConfigError(f"quality {name}: it is no function of a task and its turns")

    def quality(task: Task, turns: Sequence[Turn]) -> float:
        return float(found(task, turns))

    return quality


@dataclass(frozen=True, slots=True)
class LatentJudge:
    """A `PairJudge` and a `ScoreJudge`. Its errors depend on the seed, the task and what was done in the trajectories;
    equal trajectories are equal to it."""

    quality: Quality
    noise: float = 0.0
    """σ, in units of the quality."""
    position_bias: float = 0.0
    """b, in units of the quality."""
    compression: float = 1.0
    """c."""
    seed: int = 0

    async def scores(self, task: Task, first: Sequence[Turn], second: Sequence[Turn]) -> tuple[float, float]:
        rng = self._rng(task, first, second)
        of_first = self.quality(task, first) + self.position_bias + rng.gauss(0, self.noise)
        return of_first, self.quality(task, second) + rng.gauss(0, self.noise)

    async def score(self, task: Task, turns: Sequence[Turn]) -> float:
        return self.compression * self.quality(task, turns) + self._rng(task, turns).gauss(0, self.noise)

    def _rng(self, task: Task, *trajectories: Sequence[Turn]) -> random.Random:
        done = [[turn.action for turn in turns] for turns in trajectories]
        key = json.dumps([self.seed, task.env_id, task.task_id, task.seed, done])
        return random.Random(hashlib.blake2b(key.encode()).digest())
