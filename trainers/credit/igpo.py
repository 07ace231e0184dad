"""IGPO: each turn is rewarded for what it added to the policy's belief in the reference answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from agentrl.agents.information_gain import GAIN
from agentrl.errors import ConfigError
from agentrl.trainers.credit.base import Array, Batch, Level, Rollout, check_unit, discounted
from agentrl.trainers.rewards import Weights


def standardised(x: Array, sample: Array) -> Array:
    """(x − mean S) / (√(var S + 1e-8) + 1e-6), var = Σ (s − mean)² / n, as in the code of arXiv 2510.14967.

    Exactly 0 where S holds fewer than two numbers or equal ones.
    """
    if len(sample) < 2 or np.ptp(sample) == 0:
        return np.zeros(len(x))
    return np.asarray((x - sample.mean()) / (np.sqrt(sample.var() + 1e-8) + 1e-6))


@dataclass(frozen=True, slots=True)
class IGPO:
    """Information gain per turn and outcome per rollout, arXiv 2510.14967; T_i turns of rollout i, answer in the last.

        separate:  r̃_{i,t} = z(r^IG_{i,t}; gains of all turns of the group),  t < T_i
                   r̃_{i,T} = z(r^O_i; outcomes of the group)
        joint:     both against the gains and outcomes of the group together
        A_{i,t} = Σ_{k≥t} γ^(k−t) r̃_{i,k}
        z(x; S) = (x − mean S) / (√(var S + 1e-8) + 1e-6), var biased; 0 where S has one member or equal ones

    r^O is the sum of all other channels along the rollout. A turn without a gain (the belief was not finite, or the
    answer empty) has r̃ = 0. A truncated rollout never answered, so that no turn is its last: its gains do not count.
    """

    level: ClassVar[Level] = "turn"
    whiten: ClassVar[bool] = False
    min_group: ClassVar[int] = 2

    normalisation: Literal["separate", "joint"] = "separate"
    """The final paper, or its first version."""
    gamma: float = 1.0
    """Discount per turn."""
    gain: str = GAIN
    """The channel that rewards turns: another one tells what is due to the estimator from what is due to the belief.
    A turn that lacks it earned 0 there."""

    def __post_init__(self) -> None:
        check_unit(gamma=self.gamma)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({self.gain})

    def check_rewards(self, rewards: Weights) -> None:
        if self.normalisation == "joint":
            return
        others = [name for name in rewards if name != self.gain]
        for name in (self.gain, *(others if len(others) == 1 else ())):
            if rewards[name] != 1.0:
                raise ConfigError(
                    f"igpo scales gains and outcomes separately, so {name} = {rewards[name]} in rl.rewards is lost; set"
                    " it to 1, leave it out, or set normalisation = 'joint'"
                )

    def __call__(self, batch: Batch) -> list[list[Array]]:
        return [self._group(group) if group else [] for group in batch]

    def _group(self, group: Sequence[Rollout]) -> list[Array]:
        gains = [self._gains(rollout) for rollout in group]
        others = [name for name in group[0].channels if name != self.gain]
        outcomes = np.array([sum(r.channels[name].sum() for name in others) for r in group])
        of_gains = np.concatenate([g[np.isfinite(g)] for g in gains])
        of_outcomes = outcomes
        if self.normalisation == "joint" and others:  # without an outcome channel there are no zeros to pool either
            of_gains = of_outcomes = np.concatenate([of_gains, outcomes])
        rewards = [np.nan_to_num(standardised(g, of_gains)) for g in gains]
        for reward, outcome in zip(rewards, standardised(outcomes, of_outcomes), strict=True):
            reward[-1] += outcome
        return [discounted(reward, self.gamma) for reward in rewards]

    def _gains(self, rollout: Rollout) -> Array:
        """(T,) weighted gains, NaN where a turn has none: always on the last turn, on all of a truncated rollout."""
        gains = np.full(len(rollout.turns), np.nan)
        if rollout.turns[-1].outcome.status != "truncated":
            for t, turn in enumerate(rollout.turns[:-1]):
                if np.isfinite(turn.rewards.get(self.gain, np.nan if self.gain == GAIN else 0.0)):
                    gains[t] = rollout.channels[self.gain][t]
        return gains
