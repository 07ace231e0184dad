"""VeRPO: tests count by how hard they are for the group, beside the outcome of the whole episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar

import numpy as np

from agentrl.errors import ConfigError
from agentrl.trainers.credit.base import Array, Batch, Level, Rollout, check_unit
from agentrl.trainers.rewards import Weights


@dataclass(frozen=True, slots=True)
class VeRPO:
    """Verifiable rewards weighed by difficulty, arXiv 2601.03525.

        R̃_i = γ^T_i Σ_t r_{i,t},  of all channels but the tests
        R_{i,t} = Σ_j w_j p_j(i, t),  on turns that tell of tests; w: `difficulty`
        A_{i,t} = (R̃_i − mean R̃) + β (R_{i,t} − mean R),  means over the group's rollouts, and over those turns

    Advantages are not divided by a deviation, which the paper found to hurt. α, β, σ and γ are ours: its numbers are
    not known to us.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    level: ClassVar[Level] = "turn"
    whiten: ClassVar[bool] = False
    min_group: ClassVar[int] = 2

    tests: str = "test/*"
    """The family of channels that tell whether a test holds: 1, or 0."""
    alpha: float = 1.0
    beta: float = 1.0
    sigma: float = 0.1
    gamma: float = 1.0
    """Discount of the outcome for each turn of the episode."""

    def __post_init__(self) -> None:
        check_unit(gamma=self.gamma)
        if self.sigma <= 0:
            raise ConfigError(f"sigma = {self.sigma} must be greater than 0")
        if not self.tests.endswith("/*"):
            raise ConfigError(f"tests = {self.tests!r} must be a family of channels, such as 'test/*'")

    def check_rewards(self, rewards: Weights) -> None:
        if self.tests not in rewards:
            raise ConfigError(f"verpo weighs the channels {self.tests}, which are not among the rewards: add them")

    def __call__(self, batch: Batch) -> list[list[Array]]:
        return [self._group(group) if group else [] for group in batch]

    def _group(self, group: Sequence[Rollout]) -> list[Array]:
        outcomes = np.array(
            [
                self.gamma ** len(rollout.turns)
                * sum(reward.sum() for name, reward in rollout.channels.items() if name != self.tests)
                for rollout in group
            ]
        )
        advantages = [
            np.full(len(rollout.turns), relative)
            for rollout, relative in zip(group, outcomes - outcomes.mean(), strict=True)
        ]
        told = [(i, t) for i, rollout in enumerate(group) for t in range(len(rollout.turns)) if self._tests(rollout, t)]
        if told:
            results = [self._tests(group[i], t) for i, t in told]
            names = sorted({name for tests in results for name in tests})
            passed = np.array([[tests.get(name, 0.0) for name in names] for tests in results])
            rewards = passed @ difficulty(passed, alpha=self.alpha, sigma=self.sigma)
            for (i, t), relative in zip(told, rewards - rewards.mean(), strict=True):
                advantages[i][t] += self.beta * relative
        return advantages

    def _tests(self, rollout: Rollout, t: int) -> dict[str, float]:
        return {name: value for name, value in rollout.turns[t].rewards.items() if fnmatchcase(name, self.tests)}


def difficulty(passed: Array, *, alpha: float = 1.0, sigma: float = 0.1, delta: float = 1e-6) -> Array:
    """What each test is worth, by how many of G turns pass it: (G, N) → (N,).

        ρ_j = mean_g p_{g,j}
        N̂(ρ_j) = Σ_k exp(−(ρ_j − ρ_k)² / 2σ²)
        w_j ∝ exp(−α ρ_j) / (N̂(ρ_j) + δ),  Σ_j w_j = 1

    Tests that few pass are worth more; tests that behave alike share what one of them would be worth. That the weights
    sum to 1, so that passing all is worth 1, is ours.

    Args:
        passed: 1 where turn g passes test j, else 0.
    """
    rates = np.asarray(passed, dtype=np.float64).mean(axis=0)
    density = np.exp(-((rates[:, None] - rates[None, :]) ** 2) / (2 * sigma**2)).sum(axis=1)
    weights: Array = np.exp(-alpha * rates) / (density + delta)
    weights /= weights.sum()
    return weights
