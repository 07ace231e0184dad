"""Generalised advantage estimation along the chain of action tokens of a whole episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from agentrl.trainers.credit.base import Array, Batch, Level, check_unit


def gae(rewards: Array, values: Array, gamma: float, lam: float) -> Array:
    """(M,) A_m = Σ_l (γλ)^l δ_{m+l}, δ_m = r_m + γ V_{m+1} − V_m, V = 0 after the last token; arXiv 1506.02438, eq. 16.

    m counts action tokens only: the token after the last one of a turn is the first one of the next turn, so
    advantage and value bridge observation tokens unchanged (arXiv 2510.01132, section 3). An episode cut off by a
    limit is treated as ended.
    """
    advantages = np.zeros(len(rewards))
    running = following = 0.0
    for m in range(len(rewards) - 1, -1, -1):
        delta = rewards[m] + gamma * following - values[m]
        running = advantages[m] = delta + gamma * lam * running
        following = values[m]
    return advantages


@dataclass(frozen=True, slots=True)
class GAE:
    """PPO's advantages; see `gae`. The critic's targets are these advantages, before whitening, plus its values.

    A_m = Σ_l (γλ)^l δ_{m+l},  δ_m = r_m + γ V_{m+1} − V_m over the action tokens m of the episode; then, with
    `whiten`, (A − mean A) / √(var A + 1e-8) over those of the batch
    """

    needs: ClassVar[frozenset[str]] = frozenset({"values"})
    level: ClassVar[Level] = "token"
    min_group: ClassVar[int] = 1

    gamma: float = 1.0
    """Discount per action token."""
    lam: float = 1.0
    whiten: bool = True

    def __post_init__(self) -> None:
        check_unit(gamma=self.gamma, lam=self.lam)

    def __call__(self, batch: Batch) -> list[list[Array]]:
        advantages: list[list[Array]] = []
        for group in batch:
            advantages.append([])
            for rollout in group:
                if rollout.values is None:
                    raise ValueError("GAE needs the critic's values of every action token")
                advantages[-1].append(gae(rollout.token_rewards, rollout.values, self.gamma, self.lam))
        return advantages
