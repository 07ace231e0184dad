"""Rewards of SWE-v0, as pure functions.

Sources: G-RA, arXiv 2508.10548: four levels of outcome in this order, critics of single steps; its numbers are not
known, these are ours. VeRPO, arXiv 2601.03525, for tests weighed by how hard they are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from agentrl.envs.swe.grading import Grade

Array = npt.NDArray[np.float64]

OUTCOMES: Mapping[str, float] = {
    "not_submitted": 0.0,
    "empty_patch": 0.1,
    "failing_patch": 0.3,
    "passing_patch": 1.0,
}
"""G-RA's levels of `outcome`."""

CRITIC = 0.1
"""What the critics of single steps give, each, to an episode that uses all its turns well."""


def outcome(grade: Grade) -> float:
    """Level of an episode; one that cheated counts as not submitted."""
    if not grade.submitted or grade.flags:
        return OUTCOMES["not_submitted"]
    if grade.empty:
        return OUTCOMES["empty_patch"]
    return OUTCOMES["passing_patch" if grade.resolved else "failing_patch"]


def critic(opinion: bool | None, turns: int) -> float:
    """A step critic's reward for one turn: {-1, 0, +1} × 0.1 / T.

    For channel `format`: is it an action; `tool_valid`: does the tool exist and take these arguments; `submit`:
    `submit_opinion`.

    Args:
        opinion: good, bad, or None for neither.
        turns: T, the most turns of an episode.
    """
    return 0.0 if opinion is None else (CRITIC if opinion else -CRITIC) / turns


def submit_opinion(*, submits: bool, last: bool, empty: bool) -> bool | None:
    """Of a turn: it is good to submit a change, bad to submit none, or not to submit in the end.

    Args:
        last: whether the turn ends the episode.
        empty: whether nothing has been changed so far.
    """
    if submits:
        return not empty
    return False if last else None


def difficulty(passed: npt.ArrayLike, *, alpha: float = 1.0, sigma: float = 0.1, delta: float = 1e-6) -> Array:
    """VeRPO: what each test is worth, by how many rollouts of a group pass it, (G, N) → (N,).

        ρ_j = mean_g p_{g,j}
        N̂(ρ_j) = Σ_j' exp(−(ρ_j − ρ_j')² / 2σ²)
        w_j ∝ exp(−α ρ_j) / (N̂(ρ_j) + δ),  Σ_j w_j = 1

    Tests that few pass are worth more; tests that behave alike share what one of them would be worth. That weights sum
    to 1, so that a resolved task is worth 1, and the numbers of α, σ and δ are ours: the paper's are not known to us.

    Args:
        passed: 1 where the rollout g passes test j, else 0.
    """
    rates = np.asarray(passed, dtype=np.float64).mean(axis=0)
    density = np.exp(-((rates[:, None] - rates[None, :]) ** 2) / (2 * sigma**2)).sum(axis=1)
    weights: Array = np.exp(-alpha * rates) / (density + delta)
    weights /= weights.sum()
    return weights


def weighed_tests(passed: npt.ArrayLike, *, alpha: float = 1.0, sigma: float = 0.1, delta: float = 1e-6) -> Array:
    """VeRPO's R = Σ_j w_j p_j of each rollout of a group, (G, N) → (G,), in [0, 1]; arguments as `difficulty`."""
    found: Array = np.asarray(passed, dtype=np.float64) @ difficulty(passed, alpha=alpha, sigma=sigma, delta=delta)
    return found
