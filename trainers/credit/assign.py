"""From groups to advantages per action token: the adapter between turn trees and the pure estimators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agentrl.errors import ConfigError
from agentrl.trainers.credit.base import ANCHORS, Array, Credit, Rollout
from agentrl.trainers.rewards import weighted, weighted_sum
from agentrl.types import Group

PerTurn = Sequence[Array]
"""One array per turn of a group, in the order of `Group.turns`, each with one number per action token (A,)."""


@dataclass(frozen=True, slots=True)
class Credited:
    """What credit made of one group. Both lists are indexed like `Group.turns`.

    A turn that lies on no rollout to be judged (all of them ended in an infrastructure error) has arrays of length
    0: it takes part in no loss.
    """

    advantages: list[Array]
    """(A,) per turn."""
    returns: list[Array] | None = None
    """(A,) per turn, the critic's targets; None without a critic."""


def assign(
    groups: Sequence[Group],
    credit: Credit,
    weights: Mapping[str, float],
    *,
    values: Sequence[PerTurn] | None = None,
    penalties: Sequence[PerTurn] | None = None,
) -> list[Credited]:
    """Give every action token of a batch its advantage.

    Rollouts that ended in an infrastructure error are in no statistic. A turn shared by several rollouts gets the
    mean of what it has in each of them: it is one sample of an action, and its future is all of theirs.

    Args:
        groups: a whole batch; whitening looks at all of it.
        credit: the estimator.
        weights: weight of each reward channel.
        values: the critic's value before each action token, per group and turn.
        penalties: reward to subtract at each action token (β · KL), per group and turn.

    Raises:
        ConfigError: the credit needs values, or anchors of each task, and there are none.
    """
    if "values" in credit.needs and values is None:
        raise ConfigError(f"{type(credit).__name__} needs a critic's values; choose a method with a critic")
    if ANCHORS in credit.needs:
        for group in groups:
            if not group.task.reference.get(ANCHORS):
                raise ConfigError(
                    f"{type(credit).__name__} compares with reference episodes, and task {group.task.task_id} has none"
                )
    values_of: Sequence[PerTurn | None] = [None] * len(groups) if values is None else values
    penalties_of: Sequence[PerTurn | None] = [None] * len(groups) if penalties is None else penalties
    paths = [group.rollouts() for group in groups]
    batch = [
        [_rollout(group, path, weights, v, p) for path in group_paths]
        for group, group_paths, v, p in zip(groups, paths, values_of, penalties_of, strict=True)
    ]
    raw = [
        _per_turn(group, group_paths, arrays, credit.level)
        for group, group_paths, arrays in zip(groups, paths, credit(batch), strict=True)
    ]
    returns = [
        None if v is None else [a + value[: len(a)] for a, value in zip(r, v, strict=True)]
        for r, v in zip(raw, values_of, strict=True)
    ]
    advantages = _whiten(raw) if credit.whiten else raw
    return [Credited(a, r) for a, r in zip(advantages, returns, strict=True)]


def _rollout(
    group: Group, path: list[int], weights: Mapping[str, float], values: PerTurn | None, penalties: PerTurn | None
) -> Rollout:
    turns = tuple(group.turns[i] for i in path)
    channels = weighted(turns, weights)
    rewards = sum(channels.values(), start=np.zeros(len(turns)))
    lengths = [len(turn.action_ids) for turn in turns]
    token_rewards = np.zeros(sum(lengths))
    if penalties is not None:
        token_rewards -= np.concatenate([penalties[i] for i in path])
    # A turn in which nothing was sampled has no token of its own; its reward goes to the action before it.
    for end, reward in zip(np.cumsum(lengths), rewards, strict=True):
        if end > 0:
            token_rewards[end - 1] += reward
    if penalties is not None:
        rewards = rewards - np.array([penalties[i].sum() for i in path])
    return Rollout(
        task=group.task,
        turns=turns,
        rewards=rewards,
        token_rewards=token_rewards,
        values=None if values is None else np.concatenate([values[i] for i in path]),
        channels=channels,
        anchors=np.array([weighted_sum(anchor, weights) for anchor in group.task.reference.get(ANCHORS, ())]),
    )


def _per_turn(group: Group, paths: list[list[int]], arrays: list[Array], level: str) -> list[Array]:
    """Mean over the rollouts through each turn, broadcast to its tokens where credit is per turn."""
    lengths = [len(turn.action_ids) for turn in group.turns]
    sums = [np.zeros(n) for n in lengths]
    counts = [0] * len(lengths)
    for path, array in zip(paths, arrays, strict=True):
        parts = np.split(array, np.cumsum([lengths[i] for i in path])[:-1]) if level == "token" else array
        for i, part in zip(path, parts, strict=True):
            sums[i] += part
            counts[i] += 1
    return [s / n if n else np.zeros(0) for s, n in zip(sums, counts, strict=True)]


def _whiten(advantages: list[list[Array]]) -> list[list[Array]]:
    """Mean 0 and variance 1 over all tokens of the batch, each turn counted once; all 0 where all are equal."""
    tokens = np.concatenate([a for group in advantages for a in group] or [np.zeros(0)])
    if len(tokens) == 0:
        return advantages
    flat = np.ptp(tokens) == 0
    mean, scale = tokens.mean(), np.sqrt(tokens.var() + 1e-8)
    return [[np.zeros(len(a)) if flat else (a - mean) / scale for a in group] for group in advantages]
