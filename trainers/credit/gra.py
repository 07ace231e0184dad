"""G-RA: rewards of low priority count only in episodes that got far enough in those of high priority."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from agentrl.errors import ConfigError
from agentrl.trainers.credit.base import Array, Batch, Level, Rollout, broadcast, centred, check_unit, discounted
from agentrl.trainers.rewards import Weights, channel

SWE_GATE = 0.2
"""δ between an empty patch and a failing one, see `envs.swe.rewards.OUTCOMES`: steps count once a patch was submitted
that is not empty. The paper's number is unknown, this one is ours."""

_GATES: Mapping[str, float] = {"outcome": SWE_GATE}
_REACHED = {">=": operator.ge, ">": operator.gt}


@dataclass(frozen=True, slots=True)
class GRA:
    """Gated reward accumulation, arXiv 2508.10548, with channels R^(1..K), K the highest priority.

        gated:      r̃_t = Σ_k w_k R^(k)_t Π_{j>k} 1[R^(j) ≥ g^(j)],  R^(j) = Σ_t R^(j)_t over the whole episode
        not gated:  r̃_t = Σ_k w_k R^(k)_t                             (direct accumulation, D-RA)
        episode:    A_i = (R̃_i − mean R̃) / (std R̃ + 1e-6),  R̃_i = Σ_t r̃_{i,t}, over the rollouts of the group
        turn:       A_{i,t} = (R̃_{i,t} − mean R̃_t) / (std R̃_t + 1e-6),  R̃_{i,t} = Σ_{k≥t} γ^(k−t) r̃_{i,k}, over the
                    rollouts that have a turn t

    Gates look at rewards before their weights. The paper gives r̃; how it becomes an advantage is not known to us, and
    is GRPO's here.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    level: ClassVar[Level] = "turn"
    whiten: ClassVar[bool] = False
    min_group: ClassVar[int] = 2

    priorities: tuple[str, ...] = ("outcome",)
    """Channels from the highest priority down. All others are below them, at one level."""
    gates: Mapping[str, float] = field(default_factory=lambda: _GATES)
    """What a channel must reach over the episode to let those below it count; without a gate it always does. A value
    strictly between two levels of the channel leaves no doubt about `comparison`."""
    comparison: Literal[">=", ">"] = ">="
    gated: bool = True
    assignment: Literal["episode", "turn"] = "episode"
    gamma: float = 1.0
    """Discount per turn of the return to go."""
    std: bool = True

    def __post_init__(self) -> None:
        check_unit(gamma=self.gamma)
        if stray := [name for name in self.gates if name not in self.priorities]:
            raise ConfigError(f"the gate of {stray[0]} has no effect: {stray[0]} is not among the priorities; add it")
        if len(set(self.priorities)) < len(self.priorities):
            raise ConfigError(f"priorities = {list(self.priorities)}: name every channel once")
        if self.gated and not self.gates:
            raise ConfigError("without gates everything is accumulated; set gated = false to say so")
        if not self.gated and (self.priorities, self.gates, self.comparison) != (("outcome",), _GATES, ">="):
            raise ConfigError("priorities, gates and comparison have no effect with gated = false; leave them out")
        if self.gamma != 1.0 and self.assignment == "episode":
            raise ConfigError(f"gamma = {self.gamma} has no effect on whole episodes; set assignment = 'turn'")

    def check_rewards(self, rewards: Weights) -> None:
        if not self.gated:
            return
        for name in self.priorities:
            if name not in rewards:
                raise ConfigError(f"gra gives {name} a priority, and it is not among the rewards; add it to rl.rewards")
        last = max(self.priorities.index(name) for name in self.gates)
        if len(rewards) == last + 1:
            raise ConfigError(
                f"gra gates rewards by {', '.join(self.gates)}, and there are none below; add a channel to rl.rewards"
            )

    def __call__(self, batch: Batch) -> list[list[Array]]:
        return [self._group(group) if group else [] for group in batch]

    def _group(self, group: Sequence[Rollout]) -> list[Array]:
        rewards = [self.accumulate(rollout) if self.gated else rollout.rewards for rollout in group]
        if self.assignment == "episode":
            return broadcast(group, centred(np.array([r.sum() for r in rewards]), std=self.std))
        advantages = [discounted(r, self.gamma) for r in rewards]
        for t in range(max(map(len, advantages))):
            there = [a for a in advantages if len(a) > t]
            for a, relative in zip(there, centred(np.array([a[t] for a in there]), std=self.std), strict=True):
                a[t] = relative
        return advantages

    def accumulate(self, rollout: Rollout) -> Array:
        """(T,) the gated reward r̃ of each turn."""
        rewards, opened = np.zeros(len(rollout.turns)), True
        for name in self.priorities:
            rewards += opened * rollout.channels[name]
            opened &= name not in self.gates or _REACHED[self.comparison](
                channel(rollout.turns, name).sum(), self.gates[name]
            )
        for name, reward in rollout.channels.items():
            if name not in self.priorities:
                rewards += opened * reward
        return rewards
