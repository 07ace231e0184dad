"""From named reward channels to one number per turn, and the KL penalty per token. Pure numpy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Turn

Array = npt.NDArray[np.float64]

INVALID = "invalid"
"""Channel that every environment has: 1 for a turn whose outcome is `invalid_action`, else 0."""


def check_channels(weights: Mapping[str, float], available: Iterable[str]) -> None:
    """Refuse weights that could never have an effect.

    Args:
        weights: weight of each channel.
        available: channels that the environment can produce; `checklist/*` stands for a whole family.

    Raises:
        UnknownNameError: a channel can never occur.
        ConfigError: no channel has a weight other than 0.
    """
    patterns = [*available, INVALID]
    for name in weights:
        if not any(fnmatchcase(name, pattern) for pattern in patterns):
            raise UnknownNameError("reward channel", name, patterns)
    if not any(weights.values()):
        raise ConfigError("every reward channel has weight 0, so nothing would be learned; give one a weight")


def compose(turns: Sequence[Turn], weights: Mapping[str, float]) -> Array:
    """(T,) weighted sum of the channels of each turn. A channel that a turn lacks counts 0."""
    rewards = np.zeros(len(turns))
    for name, weight in weights.items():
        rewards += weight * np.array([_channel(turn, name) for turn in turns])
    return rewards


def _channel(turn: Turn, name: str) -> float:
    if name == INVALID:
        return float(turn.outcome.status == "invalid_action")
    return turn.rewards.get(name, 0.0)


def kl_estimate(logprobs: npt.ArrayLike, reference: npt.ArrayLike, kind: str) -> Array:
    """(M,) estimates of KL(policy ‖ reference) from tokens sampled by the policy, with d = log π − log π_ref.

    k1 = d (unbiased, may be negative), k2 = d²/2 (biased, never negative), k3 = exp(−d) − 1 + d (unbiased, never
    negative); J. Schulman, "Approximating KL divergence", 2020.
    """
    d = np.asarray(logprobs, np.float64) - np.asarray(reference, np.float64)
    if kind == "k1":
        return d
    if kind == "k2":
        return d**2 / 2
    if kind == "k3":
        return np.expm1(-d) + d
    raise UnknownNameError("KL estimator", kind, ["k1", "k2", "k3"])
