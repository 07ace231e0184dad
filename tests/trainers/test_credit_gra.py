"""G-RA and D-RA on worked examples: arXiv 2508.10548."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.swe.rewards import OUTCOMES
from agentrl.errors import ConfigError
from agentrl.trainers.credit import GRA, GRPO, assign
from agentrl.trainers.credit.gra import SWE_GATE
from agentrl.types import Group, Outcome
from tests.trainers.trees import episodes, turn

WEIGHTS = {"outcome": 1.0, "low": 1.0}
DRA = GRA(gated=False)


def pair(outcome: float, *low: float) -> list[dict[str, float]]:
    """Turns with a low reward each, and the outcome on the last."""
    return [{"low": r} for r in low[:-1]] + [{"low": low[-1], "outcome": outcome}]


def advantages(group: Group, credit: GRA, weights: Mapping[str, float] = WEIGHTS) -> list[list[float]]:
    (credited,) = assign([group], credit, weights)
    return [[float(credited.advantages[i][0]) for i in path] for path in group.rollouts()]


# -- golden values ---------------------------------------------------------------------------------------------------


def test_gated_and_direct_by_hand() -> None:
    # outcome and low rewards: 1; 0.5, 0.5 | 0; 2, 3
    group = episodes(pair(1, 0.5, 0.5), pair(0, 2, 3))
    # δ = 0.2: totals 1 + 1 = 2 and 0 (5 of low do not count): mean 1, A = ±1
    np.testing.assert_allclose(advantages(group, GRA(std=False)), [[1, 1], [-1, -1]])
    # direct: totals 2 and 5: being busy wins
    np.testing.assert_allclose(advantages(group, GRA(gated=False, std=False)), [[-1.5, -1.5], [1.5, 1.5]])


def test_std_is_that_of_grpo() -> None:
    # totals 2, 0: sample std √2: A = ±1/(√2 + 1e-6)
    a = advantages(episodes(pair(1, 0.5, 0.5), pair(0, 2, 3)), GRA())
    np.testing.assert_allclose(a, [[0.70711] * 2, [-0.70711] * 2], atol=1e-5)


def test_levels_of_software_engineering_by_hand() -> None:
    # low rewards of 1 each. δ = 0.2 lets them count from the failing patch on: totals 0, 0.1, 1.3, 2; mean 0.85
    assert list(OUTCOMES.values()) == sorted(OUTCOMES.values()) == [0.0, 0.1, 0.3, 1.0]
    assert OUTCOMES["empty_patch"] < SWE_GATE < OUTCOMES["failing_patch"]
    a = advantages(episodes(*[pair(level, 1.0) for level in OUTCOMES.values()]), GRA(std=False))
    np.testing.assert_allclose(np.concatenate(a), [-0.85, -0.75, 0.45, 1.15])


@pytest.mark.parametrize(("comparison", "expected"), [(">=", [0.5, -0.5]), (">", [0.0, 0.0])])
def test_comparison_decides_exactly_at_the_gate(comparison, expected) -> None:
    # both reach 0.5 = g exactly; low 1 | 0: counted, totals 1.5 and 0.5; not counted, both 0.5
    group = episodes(pair(0.5, 1.0), pair(0.5, 0.0))
    a = advantages(group, GRA(gates={"outcome": 0.5}, comparison=comparison, std=False))
    np.testing.assert_allclose(np.concatenate(a), expected)


def test_three_levels_multiply_by_hand() -> None:
    # priorities top > mid > low, gates 0.5 and 2 on rewards before their weights (mid weighs 0.1)
    credit = GRA(priorities=("top", "mid", "low"), gates={"top": 0.5, "mid": 2.0}, std=False)
    weights = {"top": 1.0, "mid": 0.1, "low": 1.0}
    group = episodes(
        [{"top": 1.0, "mid": 3.0, "low": 5.0}],  # all: 1 + 0.3 + 5 = 6.3
        [{"top": 1.0, "mid": 1.0, "low": 5.0}],  # mid too low: 1 + 0.1 = 1.1
        [{"top": 0.0, "mid": 3.0, "low": 5.0}],  # top too low for both: 0
    )
    expected = np.array([6.3, 1.1, 0.0])
    np.testing.assert_allclose(np.concatenate(advantages(group, credit, weights)), expected - expected.mean())


def test_the_gate_looks_at_the_whole_episode() -> None:
    # mid reaches 2 only as 1 + 1, and the low reward of the first turn counts after the fact: total 2 + 5, against 0
    credit = GRA(priorities=("mid",), gates={"mid": 2.0}, std=False)
    group = episodes([{"mid": 1.0, "low": 5.0}, {"mid": 1.0}], [{}])
    assert advantages(group, credit, {"mid": 1.0, "low": 1.0}) == [[3.5, 3.5], [-3.5]]


def test_channels_beside_the_priorities_are_below_all() -> None:
    # outcome has no gate here, mid has: a and b count together where mid is reached
    credit = GRA(priorities=("outcome", "mid"), gates={"mid": 1.0}, std=False)
    weights = {"a": 1.0, "outcome": 1.0, "mid": 1.0, "b": 1.0}
    group = episodes(
        [{"outcome": 0.0, "mid": 1.0, "a": 1.0, "b": 2.0}], [{"outcome": 1.0, "mid": 0.0, "a": 9.0, "b": 9.0}]
    )
    np.testing.assert_allclose(np.concatenate(advantages(group, credit, weights)), [1.5, -1.5])  # totals 4 and 1


def test_turn_level_by_hand() -> None:
    # gated rewards 1, 1 + 1 | 0, 0; γ = 0.5: returns to go 2, 2 | 0, 0; means 1, 1
    group = episodes(pair(1, 1, 1), pair(0, 4, 4))
    a = advantages(group, GRA(assignment="turn", gamma=0.5, std=False))
    np.testing.assert_allclose(a, [[1, 1], [-1, -1]])
    # γ = 1: 3, 2 | 0, 0; means 1.5, 1
    np.testing.assert_allclose(advantages(group, GRA(assignment="turn", std=False)), [[1.5, 1], [-1.5, -1]])
    # a third turn that one rollout alone has cannot be compared: 4, 3, 2 | 0, 0
    group = episodes(pair(1, 1, 1, 1), pair(0, 4, 4))
    assert advantages(group, GRA(assignment="turn", std=False)) == [[2, 1.5, 0], [-2, -1.5]]


# -- properties ------------------------------------------------------------------------------------------------------

numbers = st.integers(-8, 8).map(lambda n: n / 4)
rollouts = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.3, 1.0]), st.lists(numbers, min_size=1, max_size=4)), min_size=1, max_size=6
).map(lambda some: [pair(outcome, *low) for outcome, low in some])
estimators = st.sampled_from([GRA(), GRA(std=False), DRA, GRA(assignment="turn", gamma=0.9), GRA(comparison=">")])


@given(rollouts)
def test_direct_accumulation_is_grpo_on_the_sum(some) -> None:
    group = episodes(*some)
    (a,), (b,) = assign([group], DRA, WEIGHTS), assign([group], GRPO(), WEIGHTS)
    np.testing.assert_array_equal(np.concatenate(a.advantages), np.concatenate(b.advantages))


@given(rollouts, st.floats(-5, 5))
def test_low_rewards_of_episodes_below_the_gate_are_of_no_consequence(some, busy) -> None:
    more = [[{**t, "low": t["low"] + busy} for t in turns] if turns[-1]["outcome"] < 0.2 else turns for turns in some]
    assert advantages(episodes(*more), GRA()) == advantages(episodes(*some), GRA())


@given(rollouts)
def test_where_all_reach_the_gate_nothing_is_gated(some) -> None:
    passed = [[*turns[:-1], {**turns[-1], "outcome": 1.0}] for turns in some]
    for a, b in zip(advantages(episodes(*passed), GRA()), advantages(episodes(*passed), DRA), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


@given(rollouts, estimators, st.randoms(use_true_random=False))
def test_order_of_the_rollouts_does_not_matter(some, credit, random) -> None:
    order = random.sample(range(len(some)), len(some))
    a, b = advantages(episodes(*some), credit), advantages(episodes(*[some[i] for i in order]), credit)
    for new, old in enumerate(order):
        np.testing.assert_allclose(b[new], a[old], atol=1e-6)


@given(rollouts, estimators)
def test_an_infrastructure_error_is_in_no_statistic(some, credit) -> None:
    group = episodes(*some)
    group.add(turn(None, 9.0, actions=1, outcome=Outcome.infra_error("lost"), low=9.0))
    assert advantages(group, credit) == advantages(episodes(*some), credit)


@given(rollouts, estimators, st.integers(1, 4))
def test_equal_rollouts_give_exactly_zero(some, credit, size) -> None:
    assert not np.concatenate(advantages(episodes(*[some[0]] * size), credit)).any()


# -- configuration ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"gates": {}}, "gated = false"),
        ({"gates": {"outcom": 0.2}}, "not among the priorities"),
        ({"priorities": ("outcome", "outcome")}, "once"),
        ({"gamma": 0.9}, "assignment = 'turn'"),
        ({"gamma": 2.0, "assignment": "turn"}, r"\[0, 1\]"),
        ({"gated": False, "gates": {"outcome": 0.3}}, "no effect with gated = false"),
        ({"gated": False, "comparison": ">"}, "no effect with gated = false"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(fields, reason) -> None:
    with pytest.raises(ConfigError, match=reason):
        GRA(**fields)


def test_rewards_that_do_not_fit_are_refused() -> None:
    GRA().check_rewards(WEIGHTS)
    DRA.check_rewards({"outcome": 1.0})
    with pytest.raises(ConfigError, match="none below"):
        GRA().check_rewards({"outcome": 1.0})
    with pytest.raises(ConfigError, match="outcome a priority"):
        GRA().check_rewards({"low": 1.0})
    with pytest.raises(ConfigError, match="none below"):
        GRA(priorities=("outcome", "low"), gates={"low": 1.0}).check_rewards(WEIGHTS)
