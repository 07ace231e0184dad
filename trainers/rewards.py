"""From named reward channels to one number per turn, and the KL penalty per token. Pure numpy."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Turn

Array = npt.NDArray[np.float64]

Weights = Mapping[str, float | tuple[float, float]]
"""Weight of each reward channel: a number, or what it is at the beginning and at the end of training."""

INVALID = "invalid"
"""Channel that every environment has: 1 for a turn whose outcome is `invalid_action`, else 0."""

BUSYWORK = "busywork"
"""Channel that every environment has, a trap for shaping: `BUSYWORK_REWARD` for a turn whose action was not invalid and
had not been tried before in the episode, whether or not it helps, else 0."""

BUSYWORK_REWARD = 0.1

MADE = {"information_gain": "answer", "checklist/*": "checklist", "arena": "", "pointwise": ""}
"""Channels that a run makes itself, and what it needs for them in the reference of each task, if anything."""


def source_of(name: str) -> str | None:
    """What a run makes a channel from, if it does."""
    return next((key for pattern, key in MADE.items() if fnmatchcase(name, pattern)), None)


def check_channels(weights: Weights, available: Iterable[str], reference: Container[str] = ()) -> None:
    """Refuse weights that could never have an effect.

    Args:
        weights: weight of each channel.
        available: channels that the environment can produce; `checklist/*` stands for a whole family.
        reference: what the environment tells the trainer about its tasks, e.g. `answer`.

    Raises:
        UnknownNameError: a channel can never occur.
        ConfigError: no channel has a weight other than 0, or the tasks lack what a channel is made from.
    """
    patterns = [*available, INVALID, BUSYWORK]
    for name in weights:
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            continue
        if (source := source_of(name)) is None:
            raise UnknownNameError("reward channel", name, [*patterns, *MADE])
        if source and source not in reference:
            raise ConfigError(
                f"reward channel {name} is made from the {source!r} in the reference of each task, and this"
                " environment gives none; choose another environment or leave the channel out"
            )
    if not any(np.any(weight) for weight in weights.values()):
        raise ConfigError("every reward channel has weight 0, so nothing would be learned; give one a weight")


def weights_at(weights: Weights, progress: float) -> dict[str, float]:
    """The weights at a point of training, from 0 (its beginning) to 1 (its end); pairs change linearly between."""
    return {name: float(np.interp(progress, (0, 1), np.broadcast_to(w, 2))) for name, w in weights.items()}


def weighted(turns: Sequence[Turn], weights: Mapping[str, float]) -> dict[str, Array]:
    """What each channel adds to the reward of each turn of a rollout, (T,)."""
    return {name: weight * channel(turns, name) for name, weight in weights.items()}


def compose(turns: Sequence[Turn], weights: Mapping[str, float]) -> Array:
    """(T,) weighted sum of the channels of each turn of a rollout."""
    return np.asarray(sum(weighted(turns, weights).values(), start=np.zeros(len(turns))))


def weighted_sum(sums: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The return of an episode of which the sum of each channel is known; what is not counts 0."""
    return sum(w * value for name, w in weights.items() for key, value in sums.items() if fnmatchcase(key, name))


def channel(turns: Sequence[Turn], name: str) -> Array:
    """(T,) one channel along a rollout; where a turn lacks it, 0. `family/*` is the sum of the family."""
    if name == INVALID:
        return np.array([float(turn.outcome.status == "invalid_action") for turn in turns])
    if name == BUSYWORK:
        return _busywork(turns)
    if "*" in name:
        return np.array([sum(v for key, v in turn.rewards.items() if fnmatchcase(key, name)) for turn in turns], float)
    return np.array([turn.rewards.get(name, 0.0) for turn in turns])


def _busywork(turns: Sequence[Turn]) -> Array:
    rewards, tried = np.zeros(len(turns)), set[str]()
    for t, turn in enumerate(turns):
        if turn.outcome.status not in ("invalid_action", "infra_error") and turn.action not in tried:
            rewards[t] = BUSYWORK_REWARD
            tried.add(turn.action)
    return rewards


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
