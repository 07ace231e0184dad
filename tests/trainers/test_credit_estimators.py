"""Golden values of the estimators, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.trainers.credit.base import centred, discounted
from agentrl.trainers.credit.gae import gae
from agentrl.trainers.credit.gigpo import anchor_relative
from agentrl.trainers.credit.grpo import group_relative
from agentrl.trainers.credit.rloo import leave_one_out

rewards = st.floats(-10, 10, allow_nan=False, width=32)
returns = st.lists(rewards, min_size=2, max_size=8).map(np.array)


def test_grpo_by_hand() -> None:
    # R = 1, 0, 0, 1: mean 1/2; sample variance 4 · (1/2)² / 3 = 1/3, std 0.57735; A = ±0.5 / 0.577351
    np.testing.assert_allclose(
        group_relative(np.array([1.0, 0, 0, 1])), [0.866024, -0.866024, -0.866024, 0.866024], atol=1e-6
    )


def test_grpo_without_std_by_hand() -> None:
    # R = 3, 0, 0: mean 1
    np.testing.assert_allclose(group_relative(np.array([3.0, 0, 0]), std=False), [2, -1, -1])


def test_rloo_by_hand() -> None:
    # R = 1, 2, 6: 1 − (2+6)/2 = −3;  2 − (1+6)/2 = −1.5;  6 − (1+2)/2 = 4.5
    np.testing.assert_allclose(leave_one_out(np.array([1.0, 2, 6])), [-3, -1.5, 4.5])


def test_discounted_by_hand() -> None:
    # γ = 0.5: R₂ = 4;  R₁ = 2 + 0.5·4 = 4;  R₀ = 1 + 0.5·4 = 3
    np.testing.assert_allclose(discounted(np.array([1.0, 2, 4]), 0.5), [3, 4, 4])


def test_gae_by_hand() -> None:
    # r = 0, 1; V = 0.5, 0.25; γ = 0.9, λ = 0.8
    # δ₁ = 1 − 0.25 = 0.75, A₁ = 0.75
    # δ₀ = 0 + 0.9·0.25 − 0.5 = −0.275, A₀ = −0.275 + 0.72·0.75 = 0.265
    np.testing.assert_allclose(gae(np.array([0.0, 1]), np.array([0.5, 0.25]), 0.9, 0.8), [0.265, 0.75])


def test_gae_with_lambda_one_is_return_minus_value() -> None:
    # γ = λ = 1: A_m = Σ_{k≥m} r_k − V_m;  returns to go 6, 5, 3
    values = np.array([1.0, 2, 3])
    np.testing.assert_allclose(gae(np.array([1.0, 2, 3]), values, 1, 1), [5, 3, 0])


def test_gae_with_lambda_zero_is_the_td_error() -> None:
    # δ = (1 + 0.5·4 − 2, 3 − 4)
    np.testing.assert_allclose(gae(np.array([1.0, 3]), np.array([2.0, 4]), 0.5, 0), [1, -1])


def test_anchor_states_by_hand() -> None:
    # state a: returns 4, 1 (rollout 0 turn 0, rollout 1 turn 1): mean 2.5, A ±1.5; b and c occur once: 0
    got = anchor_relative([np.array([4.0, 9]), np.array([7.0, 1])], [["a", "b"], ["c", "a"]], std=False)
    np.testing.assert_allclose(got[0], [1.5, 0])
    np.testing.assert_allclose(got[1], [0, -1.5])


def test_anchor_states_with_std_by_hand() -> None:
    # returns 4, 1: sample std = 3/√2 = 2.12132; A = ±1.5/2.12132 = ±0.707107
    got = anchor_relative([np.array([4.0]), np.array([1.0])], [["a"], ["a"]], std=True)
    np.testing.assert_allclose(np.concatenate(got), [0.707106, -0.707106], atol=1e-6)


@pytest.mark.parametrize("estimate", [group_relative, leave_one_out, lambda r: group_relative(r, std=False)])
class TestGroupEstimators:
    @given(r=returns, shift=rewards)
    def test_adding_a_constant_changes_nothing(self, estimate, r, shift) -> None:
        np.testing.assert_allclose(estimate(r + shift), estimate(r), atol=1e-3)

    @given(r=returns)
    def test_sum_is_zero(self, estimate, r) -> None:
        assert abs(estimate(r).sum()) < 1e-9 * max(1, np.abs(estimate(r)).max()) * len(r)

    @given(value=rewards, size=st.integers(1, 8))
    def test_equal_rewards_give_exactly_zero(self, estimate, value, size) -> None:
        assert not estimate(np.full(size, value)).any()

    @given(r=returns, seed=st.integers(0, 99))
    def test_order_does_not_matter(self, estimate, r, seed) -> None:
        order = np.random.default_rng(seed).permutation(len(r))
        np.testing.assert_allclose(estimate(r[order]), estimate(r)[order], atol=1e-9)

    @given(r=returns)
    def test_better_returns_get_more(self, estimate, r) -> None:
        best, worst = r.argmax(), r.argmin()
        assert estimate(r)[best] >= estimate(r)[worst]


@given(r=returns, scale=st.floats(0.5, 10))
def test_std_takes_out_the_scale(r, scale) -> None:
    if r.std() > 0.1:
        np.testing.assert_allclose(group_relative(r * scale), group_relative(r), rtol=1e-3)


@given(r=returns)
def test_rounding_is_no_signal(r) -> None:
    # 0.1 + 0.2 and 0.3 differ in the last bit; ten equal sums must not
    same = np.array([r.sum()] * 10)
    assert not centred(same, std=True).any()


@given(r=st.lists(rewards, min_size=1, max_size=12).map(np.array), gamma=st.floats(0, 1))
def test_gae_without_values_and_lambda_one_is_the_return_to_go(r, gamma) -> None:
    np.testing.assert_allclose(gae(r, np.zeros(len(r)), gamma, 1.0), discounted(r, gamma), atol=1e-9)


@given(r=st.lists(rewards, min_size=1, max_size=12).map(np.array), gamma=st.floats(0, 1), lam=st.floats(0, 1))
def test_gae_of_a_perfect_critic_is_zero(r, gamma, lam) -> None:
    np.testing.assert_allclose(gae(r, discounted(r, gamma), gamma, lam), np.zeros(len(r)), atol=1e-9)
