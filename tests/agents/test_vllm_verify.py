"""Whether servers hold what was published."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from agentrl.agents.engine import Probe
from agentrl.agents.vllm.verify import Verifier
from agentrl.errors import RunStoppedError

LENGTH = 32
IDS = tuple(range(LENGTH + 1))
A, B = "http://a:1", "http://b:1"


@cache
def policy(version: int, step: float = 0.01) -> np.ndarray:  # type: ignore[type-arg]
    """(L − 1,) log-probs of a policy that takes steps of this mean size."""
    if version == 0:
        return np.random.default_rng(0).normal(-2.0, 0.5, LENGTH)
    return policy(version - 1, step) + step * np.random.default_rng(version).choice([-1.0, 1.0], LENGTH)


def probe(version: int, step: float = 0.01) -> Probe:
    return Probe(IDS, tuple(policy(version, step)))


def noisy(version: int, noise: float, replica: int = 0, step: float = 0.01) -> list[float]:
    """What a replica says that holds the version, in another arithmetic."""
    errors = np.random.default_rng([version, replica]).normal(0, noise, LENGTH)
    return list(policy(version, step) + errors)


def test_replicas_that_hold_the_weights_pass_for_a_whole_run() -> None:
    verifier = Verifier(0.05)
    for version in range(300):
        gap = verifier.judge(version, probe(version), {A: noisy(version, 0.01), B: noisy(version, 0.01, 1)})
        assert 0.004 < gap < 0.016


def test_the_gap_is_that_of_the_worst_replica() -> None:
    new = policy(1)
    gap = Verifier(0.05).judge(1, probe(1), {A: list(new), B: list(new + 0.04)})
    assert gap == pytest.approx(0.04)


def test_other_weights_are_told_by_the_distance() -> None:
    with pytest.raises(RunStoppedError, match=r"http://b:1 does not hold version 1 .* 0\.2, over 0\.05"):
        Verifier(0.05).judge(1, probe(1), {A: list(policy(1)), B: list(policy(1) - 0.2)})


def test_replicas_must_agree_with_each_other() -> None:
    new = policy(1)
    with pytest.raises(RunStoppedError, match="differs from"):
        Verifier(0.05).judge(1, probe(1), {A: list(new + 0.04), B: list(new - 0.04)})


def test_a_reload_that_does_nothing_is_seen_at_once_where_the_policy_moves_by_more_than_noise() -> None:
    verifier = Verifier(0.05)
    verifier.judge(1, probe(1), {A: noisy(1, 0.001), B: noisy(1, 0.001, 1)})
    stale = policy(2)
    assert np.abs(stale - policy(1)).mean() < 0.05  # within the tolerance
    with pytest.raises(RunStoppedError, match=r"http://b:1 .* nearer to version 1 .*the update did nothing there"):
        verifier.judge(2, probe(2), {A: noisy(2, 0.001), B: noisy(1, 0.001, 1)})


def test_a_replica_that_stays_behind_is_seen_however_slowly_the_policy_moves() -> None:
    """Each step is a tenth of the noise, so no step shows it; their sum does, long before the tolerance would."""
    verifier, step, noise = Verifier(0.05), 0.001, 0.01
    verifier.judge(0, probe(0, step), {A: noisy(0, noise, step=step)})
    version = 1

    def publish_without_effect() -> None:
        nonlocal version
        while True:
            verifier.judge(version, probe(version, step), {A: noisy(0, noise, step=step)})
            version += 1

    with pytest.raises(RunStoppedError, match="nearer to version 0"):
        publish_without_effect()
    moved = np.abs(policy(version, step) - policy(0, step)).mean()
    assert noise < moved < 0.05


@pytest.mark.parametrize("strange", [math.nan, -math.inf])
def test_nonsense_does_not_pass(strange: float) -> None:
    with pytest.raises(RunStoppedError, match="does not hold"):
        Verifier(0.05).judge(1, probe(1), {A: [strange, *policy(1)[1:]]})


def test_an_answer_of_another_length_does_not_pass() -> None:
    with pytest.raises(RunStoppedError, match="31 log-probs for 32 tokens"):
        Verifier(0.05).judge(1, probe(1), {A: list(policy(1)[1:])})


def test_another_text_begins_anew() -> None:
    verifier = Verifier(0.05)
    verifier.judge(1, probe(1), {A: list(policy(1))})
    other = Probe(IDS[::-1], tuple(policy(2)))
    assert verifier.judge(2, other, {A: list(policy(2) + 0.02)}) == pytest.approx(0.02)
