"""VeRPO on worked examples: arXiv 2601.03525."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.errors import ConfigError
from agentrl.trainers.credit import VeRPO, assign
from agentrl.trainers.credit.verpo import difficulty
from agentrl.trainers.methods import METHODS
from agentrl.types import Group
from tests.trainers.trees import episodes

WEIGHTS = {"outcome": 1.0, "test/*": 1.0}
TABLES = st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=2, max_size=6)


def advantages(group: Group, credit: VeRPO) -> list[list[float]]:
    (credited,) = assign([group], credit, WEIGHTS)
    return [[float(credited.advantages[i][0]) for i in path] for path in group.rollouts()]


def held(*values: float) -> dict[str, float]:
    return {f"test/{j}": value for j, value in enumerate(values)}


# -- golden values ---------------------------------------------------------------------------------------------------


def test_weights_by_hand() -> None:
    # pass rates 0.5, 1, 1: the last two share one place on the line, 5 sigma away from the first
    near = math.exp(-12.5)
    hard = math.exp(-0.5) / (1 + 2 * near + 1e-6)
    easy = math.exp(-1.0) / (2 + near + 1e-6)
    total = hard + 2 * easy
    weights = difficulty(np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]))
    assert weights == pytest.approx([hard / total, easy / total, easy / total])


def test_advantages_by_hand() -> None:
    # two tests, α = 0, far apart at σ = 0.01: each is worth 1/2; pass rates 2/3 and 1/3
    group = episodes([held(1, 0), {"outcome": 1.0} | held(1, 1)], [{}, {"outcome": 0.0} | held(0, 0)])
    credit = VeRPO(alpha=0.0, sigma=0.01, beta=2.0, gamma=0.5)
    # outcomes 0.5² and 0: relative ±1/8; tests 1/2, 1, 0 with mean 1/2: relative 0, 1/2, −1/2, times β
    np.testing.assert_allclose(advantages(group, credit), [[1 / 8, 1 / 8 + 1], [-1 / 8, -1 / 8 - 1]], atol=1e-5)


def test_without_tests_it_is_the_outcome_relative_to_the_group() -> None:
    group = episodes([{}, {"outcome": 1.0}], [{"outcome": 0.0}])
    assert advantages(group, VeRPO()) == [[0.5, 0.5], [-0.5]]


def test_episodes_that_fail_differ_by_the_tests_that_hold() -> None:
    """A group in which nobody solves the task has a gradient, and the harder test is worth more."""
    group = episodes([held(1, 0)], [held(0, 1)], [held(0, 1)], [held(0, 0)])
    hard, easy, _, nothing = [a for (a,) in advantages(group, VeRPO())]
    assert hard > easy > nothing


# -- properties ------------------------------------------------------------------------------------------------------


@given(TABLES, st.permutations(range(3)))
def test_rewards_are_shares_whatever_the_order_of_tests(passed: list[list[bool]], order: list[int]) -> None:
    table = np.array(passed, dtype=float)
    rewards = table @ difficulty(table)
    assert rewards == pytest.approx(table[:, order] @ difficulty(table[:, order]))
    assert np.all(rewards >= 0)
    assert np.all(rewards <= 1 + 1e-12)
    assert rewards[table.all(axis=1)] == pytest.approx(1.0)
    assert rewards[~table.any(axis=1)] == pytest.approx(0.0)


@given(TABLES)
def test_advantages_of_one_turn_add_up_to_nothing(passed: list[list[bool]]) -> None:
    group = episodes(*[[{"outcome": float(all(row))} | held(*map(float, row))] for row in passed])
    found = [a for (a,) in advantages(group, VeRPO())]
    assert sum(found) == pytest.approx(0.0, abs=1e-9)
    best = max(range(len(passed)), key=lambda i: sum(passed[i]) if all(passed[i]) else -1)
    if all(passed[best]):
        assert found[best] == pytest.approx(max(found))


def test_a_test_that_fewer_pass_is_worth_more() -> None:
    weights = difficulty(np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 1.0]]))
    assert weights[0] > weights[1]


# -- mistakes --------------------------------------------------------------------------------------------------------


def test_what_has_no_effect_is_refused() -> None:
    assert METHODS["verpo"].credit == VeRPO()
    with pytest.raises(ConfigError, match=r"not among the rewards"):
        VeRPO().check_rewards({"outcome": 1.0})
    with pytest.raises(ConfigError, match=r"family of channels"):
        VeRPO(tests="tests")
    with pytest.raises(ConfigError, match=r"sigma"):
        VeRPO(sigma=0.0)
    with pytest.raises(ConfigError, match=r"\[0, 1\]"):
        VeRPO(gamma=2.0)
