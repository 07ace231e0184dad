"""IGPO on worked examples: arXiv 2510.14967 with the edge cases of its code."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.errors import ConfigError
from agentrl.trainers.credit import IGPO, assign
from agentrl.types import Group, Outcome, Task
from tests.trainers.trees import turn

BOTH = {"outcome": 1.0, "information_gain": 1.0}
DONE = Outcome.terminated(success=False)

Gains = Sequence[float | None]


def episodes(*rollouts: tuple[Gains, float], end: Outcome = DONE) -> Group:
    """Rollouts given by the gains of their tool turns (None: no gain) and the outcome of the answer after them."""
    group = Group(Task("Test-v0", "0"))
    for gains, outcome in rollouts:
        add(group, gains, outcome, end)
    return group


def add(group: Group, gains: Gains, outcome: float, end: Outcome = DONE) -> None:
    parent = None
    for gain in gains:
        parent = group.add(turn(parent, actions=1, **({} if gain is None else {"information_gain": gain})))
    group.add(turn(parent, outcome, actions=1, outcome=end))


def advantages(group: Group, credit: IGPO | None = None, weights: dict[str, float] | None = None) -> list[list[float]]:
    """Per rollout, the advantage of each turn."""
    (credited,) = assign([group], credit or IGPO(), weights or BOTH)
    return [[float(credited.advantages[i][0]) for i in path] for path in group.rollouts()]


def z(x: float, sample: Sequence[float]) -> float:
    """(x − mean) / (√(var + 1e-8) + 1e-6), var = Σ (s − mean)² / n."""
    mean = sum(sample) / len(sample)
    var = sum((s - mean) ** 2 for s in sample) / len(sample)
    return (x - mean) / (math.sqrt(var + 1e-8) + 1e-6)


# -- golden values ---------------------------------------------------------------------------------------------------


def test_separate_by_hand() -> None:
    # gains 1, 2 | 3: mean 2, variance ((−1)² + 0² + 1²)/3 = 2/3, std 0.8165: z = −1.22474, 0 | 1.22474
    # outcomes 1 | 0: mean 0.5, variance 0.25, std 0.5: z = 1 | −1
    # γ = 1: rollout 0: A_3 = 1, A_2 = 0 + 1, A_1 = −1.22474 + 0 + 1;  rollout 1: A_2 = −1, A_1 = 1.22474 − 1
    a = advantages(episodes(([1, 2], 1), ([3], 0)))
    np.testing.assert_allclose(a[0], [-0.22474, 1, 1], atol=1e-5)
    np.testing.assert_allclose(a[1], [0.22474, -1], atol=1e-5)


def test_separate_to_the_last_digit_of_the_code() -> None:
    gains, outcomes = [0.01, 0.02, 0.03], [1.0, 0.25]
    g, o = [z(x, gains) for x in gains], [z(x, outcomes) for x in outcomes]
    a = advantages(episodes((gains[:2], outcomes[0]), (gains[2:], outcomes[1])))
    np.testing.assert_allclose(a[0], [g[0] + g[1] + o[0], g[1] + o[0], o[0]], rtol=1e-12)
    np.testing.assert_allclose(a[1], [g[2] + o[1], o[1]], rtol=1e-12)


def test_joint_by_hand() -> None:
    # gains 1, 2 | 3 and outcomes 4 | 0 together: mean 2, variance (1 + 0 + 1 + 4 + 4)/5 = 2, std 1.41421
    # z: −0.70711, 0, then 1.41421 | 0.70711, then −1.41421
    a = advantages(episodes(([1, 2], 4), ([3], 0)), IGPO(normalisation="joint"))
    np.testing.assert_allclose(a[0], [0.70711, 1.41421, 1.41421], atol=1e-5)
    np.testing.assert_allclose(a[1], [-0.70711, -1.41421], atol=1e-5)


def test_discount_by_hand() -> None:
    # as in the first test, γ = 0.5: A_3 = 1, A_2 = 0 + 0.5, A_1 = −1.22474 + 0.5 · 0 + 0.25 · 1
    a = advantages(episodes(([1, 2], 1), ([3], 0)), IGPO(gamma=0.5))
    np.testing.assert_allclose(a[0], [-0.97474, 0.5, 1], atol=1e-5)


def test_gain_alone_pools_no_outcomes() -> None:
    # z(1; 1, 3) = −1, z(3; 1, 3) = 1, and nothing on the answers, in both modes
    for mode in ("separate", "joint"):
        a = advantages(episodes(([1], 1), ([3], 0)), IGPO(normalisation=mode), {"information_gain": 1.0})
        np.testing.assert_allclose(a, [[-1, 0], [1, 0]], atol=1e-4)


def test_all_other_channels_are_the_outcome() -> None:
    # outcome and 2 × progress along the rollout: 1 + 2 · 0.5 = 2 against 0: z = ±1
    group = Group(Task("Test-v0", "0"))
    for progress, outcome in ((0.5, 1.0), (0.0, 0.0)):
        first = group.add(turn(None, actions=1, progress=progress))
        group.add(turn(first, outcome, actions=1, outcome=DONE))
    a = advantages(group, weights=BOTH | {"progress": 2.0})
    np.testing.assert_allclose(a, [[1, 1], [-1, -1]], atol=1e-5)


def test_another_channel_may_reward_the_turns() -> None:
    # progress 1, – | – on the turns before the answers: 1, 0, 0 have mean 1/3, std √(2/9): z = 1.41421, −0.70711
    # outcomes 1 | 0: z = ±1
    group = Group(Task("Test-v0", "0"))
    first = group.add(turn(None, actions=1, progress=1.0))
    group.add(turn(group.add(turn(first, actions=1)), 1.0, actions=1, outcome=DONE))
    group.add(turn(group.add(turn(None, actions=1)), 0.0, actions=1, outcome=DONE))
    a = advantages(group, IGPO(gain="progress"), {"outcome": 1.0, "progress": 1.0})
    np.testing.assert_allclose(a[0], [1.70711, 0.29289, 1], atol=1e-5)
    np.testing.assert_allclose(a[1], [-1.70711, -1], atol=1e-5)


# -- the six edge cases ----------------------------------------------------------------------------------------------


def test_case_a_a_rollout_of_one_turn_has_its_outcome_only() -> None:
    # outcomes 1 | 0: z = ±1; the one gain of the group has nothing to be compared with
    np.testing.assert_allclose(advantages(episodes(([], 1), ([5], 0)))[0], [1], atol=1e-5)


def test_case_b_a_truncated_rollout_has_its_outcome_only_and_stays_out_of_the_gains() -> None:
    # the gains 9, 9 of the cut off rollout count nowhere: those of the others are 1, 3 with z = ∓1
    group = episodes(([1], 1), ([3], 1))
    add(group, [9, 9], 0, Outcome.truncated("max_turns"))
    a = advantages(group)
    o = [z(x, [1, 1, 0]) for x in (1, 1, 0)]
    np.testing.assert_allclose(a[0], [z(1, [1, 3]) + o[0], o[0]])
    np.testing.assert_allclose(a[1], [z(3, [1, 3]) + o[1], o[1]])
    np.testing.assert_allclose(a[2], [o[2]] * 3)


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, -math.inf])
def test_case_c_a_turn_without_a_finite_gain_is_skipped(missing: float | None) -> None:
    # gains 1, – | 3: the second turn adds 0 and is not in the mean 2 of the others
    a = advantages(episodes(([1, missing], 0), ([3], 0)))
    np.testing.assert_allclose(a[0], [-1, 0, 0], atol=1e-5)
    np.testing.assert_allclose(a[1], [1, 0], atol=1e-5)


def test_case_d_a_gain_of_exactly_zero_is_a_gain() -> None:
    # gains 0, 0 | 3: mean 1; a zero taken for missing would leave 3 alone with z = 0
    a = advantages(episodes(([0, 0], 0), ([3], 0)))
    expected = z(0, [0, 0, 3])
    np.testing.assert_allclose(a[0], [2 * expected, expected, 0])
    assert a[1][0] == pytest.approx(z(3, [0, 0, 3]))


def test_case_e_the_answer_may_have_several_references_and_each_turn_one_gain() -> None:
    # which reference is scored is decided where gains are made; here a gain on the answer turn itself never counts
    group = episodes(([1], 1), ([3], 0))
    expected = advantages(group)
    for path in group.rollouts():
        group.turns[path[-1]].rewards["information_gain"] = 100.0
    assert advantages(group) == expected


def test_case_f_the_mean_is_over_all_turns_not_per_position() -> None:
    # gains 1, 5 | 1, 5: per position all are equal and every advantage would be 0
    a = advantages(episodes(([1, 5], 0), ([1, 5], 0)))
    np.testing.assert_allclose(a, [[0, 1, 0], [0, 1, 0]], atol=1e-5)  # z(1) + z(5) = −1 + 1, z(5) = 1


# -- properties ------------------------------------------------------------------------------------------------------

numbers = st.integers(-20, 20).map(lambda n: n / 4)
rollouts = st.lists(st.tuples(st.lists(numbers, max_size=4), numbers), min_size=1, max_size=5)


@given(rollouts, numbers, numbers)
def test_shifting_gains_and_outcomes_changes_nothing(some, gain, outcome) -> None:
    moved = [([g + gain for g in gains], o + outcome) for gains, o in some]
    for expected, got in zip(advantages(episodes(*some)), advantages(episodes(*moved)), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


@given(rollouts, numbers)
def test_joint_allows_one_shift_of_both(some, shift) -> None:
    moved = [([g + shift for g in gains], o + shift) for gains, o in some]
    joint = IGPO(normalisation="joint")
    for expected, got in zip(advantages(episodes(*some), joint), advantages(episodes(*moved), joint), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


@given(numbers, numbers, st.integers(1, 4), st.integers(1, 5), st.sampled_from(["separate", "joint"]))
def test_equal_rewards_give_exactly_zero(gain, outcome, turns, size, mode) -> None:
    outcome = gain if mode == "joint" else outcome
    a = advantages(episodes(*[([gain] * turns, outcome)] * size), IGPO(normalisation=mode))
    assert not np.concatenate(a).any()


@given(rollouts, st.randoms(use_true_random=False), st.sampled_from(["separate", "joint"]))
def test_order_of_the_rollouts_does_not_matter(some, random, mode) -> None:
    order = random.sample(range(len(some)), len(some))
    credit = IGPO(normalisation=mode, gamma=0.9)
    a, b = advantages(episodes(*some), credit), advantages(episodes(*[some[i] for i in order]), credit)
    for new, old in enumerate(order):
        np.testing.assert_allclose(b[new], a[old], atol=1e-9)


@given(rollouts)
def test_an_infrastructure_error_is_in_no_statistic(some) -> None:
    group = episodes(*some)
    add(group, [50], 50, Outcome.infra_error("lost"))
    for expected, got in zip(advantages(episodes(*some)), advantages(group), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-12)


@given(rollouts, st.sampled_from([0.5, 2.0, 10.0]))
def test_a_weight_of_the_gains_matters_only_in_joint(some, weight) -> None:
    weights = BOTH | {"information_gain": weight}
    spread = np.concatenate([gains for gains, _ in some])
    if len(spread) > 1 and np.ptp(spread) > 0:
        for a, b in zip(advantages(episodes(*some)), advantages(episodes(*some), weights=weights), strict=True):
            np.testing.assert_allclose(b, a, atol=1e-4)  # but for the 1e-8 and 1e-6 of the code


def test_a_weight_of_the_gains_in_joint_by_hand() -> None:
    # gains 1 | 3 doubled: 2, 6 with outcomes 4, 0: mean 3, variance (1 + 9 + 1 + 9)/4 = 5
    a = advantages(episodes(([1], 4), ([3], 0)), IGPO(normalisation="joint"), BOTH | {"information_gain": 2.0})
    s = math.sqrt(5)
    np.testing.assert_allclose(a, [[(-1 + 1) / s, 1 / s], [(3 - 3) / s, -3 / s]], atol=1e-5)


# -- configuration ---------------------------------------------------------------------------------------------------


def test_weights_that_cancel_are_refused() -> None:
    IGPO().check_rewards(BOTH)
    IGPO(normalisation="joint").check_rewards({"outcome": (0.5, 1.0), "information_gain": (1.0, 0.5)})
    IGPO().check_rewards(BOTH | {"progress": 0.5})  # relative to the outcome it does matter
    for name, weight in (("information_gain", 0.5), ("outcome", 2.0), ("information_gain", (1.0, 0.5))):
        with pytest.raises(ConfigError, match=f"so {name} = .* is lost.*joint"):
            IGPO().check_rewards(BOTH | {name: weight})
