"""Losses against values worked out by hand, and gradients against finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.errors import ConfigError
from agentrl.trainers.loss_spec import LossSpec
from agentrl.trainers.rewards import kl_estimate
from tests.conftest import require

torch = require("torch")
losses = pytest.importorskip("agentrl.trainers.losses")

LN2 = math.log(2)


def surrogate(ratios, advantages, *, rows=None, weights=None, **spec):
    """Loss, gradient with respect to log π, and statistics for given ratios; old log-probs are −1."""
    n = len(ratios)
    old = torch.full((n,), -1.0, dtype=torch.float64)
    logprobs = (old + torch.tensor(ratios, dtype=torch.float64).log()).requires_grad_()
    loss, stats = losses.policy_loss(
        logprobs,
        old,
        torch.tensor(advantages, dtype=torch.float64),
        torch.tensor(weights or [1.0] * n, dtype=torch.float64),
        torch.tensor(rows or [0] * n),
        LossSpec(**spec),
    )
    loss.backward()
    return loss.item(), logprobs.grad.tolist(), {name: float(value) for name, value in stats.items()}


# -- clipped surrogate -----------------------------------------------------------------------------------------------


def test_on_policy_gradient_is_the_advantage() -> None:
    # ρ = 1: loss −A, gradient −ρ A
    loss, grad, stats = surrogate([1.0, 1.0], [2.0, -3.0])
    assert loss == pytest.approx(1.0)
    assert grad == pytest.approx([-2, 3])
    assert stats["clip_fraction_low"] == stats["clip_fraction_high"] == stats["approx_kl"] == 0


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "gradient"),
    [
        (1.5, 1.0, -1.28, 0.0),  # min(1.5, 1.28): the upper bound holds a good action back
        (1.5, -1.0, 1.5, 1.5),  # min(−1.5, −1.28) = −1.5: a bad action that became likelier is pushed down in full
        (0.5, 1.0, -0.5, -0.5),  # min(0.5, 0.8) = 0.5: a good action that became rarer is pulled up in full
        (0.5, -1.0, 0.8, 0.0),  # min(−0.5, −0.8) = −0.8: the lower bound holds a bad action up
    ],
)
def test_separate_bounds_by_hand(ratio, advantage, loss, gradient) -> None:
    got, grad, _ = surrogate([ratio], [advantage], clip_low=0.2, clip_high=0.28)
    assert got == pytest.approx(loss)
    assert grad == pytest.approx([gradient])


def test_statistics_by_hand() -> None:
    # ratios 2, 1/2, 1 with advantages +, −, +: one clipped above, one below
    _, _, stats = surrogate([2.0, 0.5, 1.0], [1.0, -1.0, 1.0])
    assert stats["clip_fraction_high"] == 1
    assert stats["clip_fraction_low"] == 1
    assert stats["ratio"] == pytest.approx(3.5)
    assert stats["logprob_gap"] == pytest.approx(2 * LN2)
    # ρ − 1 − ln ρ: (1 − ln 2) + (−1/2 + ln 2) + 0
    assert stats["approx_kl"] == pytest.approx(0.5)


def test_sequence_ratio_by_hand() -> None:
    # row 0: ratios 2 and 1/2 → s = exp((ln 2 − ln 2)/2) = 1; row 1: ratio 4 → s = 4, clipped at 1.2 for A > 0
    loss, grad, _ = surrogate([2.0, 0.5, 4.0], [1.0, 1.0, 1.0], rows=[0, 0, 1], ratio="sequence")
    assert loss == pytest.approx(-(1 + 1 + 1.2))
    assert grad == pytest.approx([-1, -1, 0])


def test_sequence_ratio_gradient_is_that_of_the_sequence_objective() -> None:
    # GSPO, equation 10: ∇ s_i A = s_i A (1/|y|) Σ_t ∇ log π_t; weights 1/|y| per token give exactly that
    _, grad, _ = surrogate([1.1, 1.05], [0.7, 0.7], weights=[0.5, 0.5], ratio="sequence")
    s = math.sqrt(1.1 * 1.05)
    assert grad == pytest.approx([-s * 0.7 / 2] * 2)


@given(
    st.lists(st.tuples(st.floats(0.3, 3), st.floats(-2, 2)), min_size=1, max_size=6), st.sampled_from([0.1, 0.2, 0.5])
)
def test_clipping_never_promises_more_than_the_plain_surrogate(tokens, clip) -> None:
    ratios, advantages = [list(x) for x in zip(*tokens, strict=True)]
    loss, _, _ = surrogate(ratios, advantages, clip_low=clip, clip_high=clip)
    assert loss >= -np.dot(ratios, advantages) - 1e-9


# -- aggregation -----------------------------------------------------------------------------------------------------


def test_token_weights_by_hand() -> None:
    counts = [1, 3, 0]
    assert losses.token_weights(counts, LossSpec(aggregation="token_mean")).tolist()[:2] == [0.25, 0.25]
    # two rows with tokens: 1/(2·1) and 1/(2·3)
    np.testing.assert_allclose(losses.token_weights(counts, LossSpec(aggregation="sequence_mean"))[:2], [1 / 2, 1 / 6])
    # 1/(2·10)
    np.testing.assert_allclose(
        losses.token_weights(counts, LossSpec(aggregation="constant", constant=10))[:2], [0.05, 0.05]
    )


@given(st.lists(st.integers(0, 50), min_size=1).filter(any))
def test_mean_weights_sum_to_one(counts) -> None:
    for aggregation in ("token_mean", "sequence_mean"):
        weights = losses.token_weights(counts, LossSpec(aggregation=aggregation))
        assert np.dot(weights, counts) == pytest.approx(1)


def test_constant_without_its_constant_is_refused() -> None:
    with pytest.raises(ConfigError, match="constant"):
        losses.token_weights([1], LossSpec(aggregation="constant"))


# -- KL, value, log-probs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["k1", "k2", "k3"])
def test_kl_loss_is_the_estimator_of_the_reward(kind) -> None:
    logprobs, reference = np.array([-0.5, -3.0, -1.0]), np.array([-1.5, -1.0, -1.0])
    weights = np.array([0.5, 0.25, 0.25])
    loss, stats = losses.kl_loss(torch.tensor(logprobs), torch.tensor(reference), torch.tensor(weights), kind)
    assert float(loss) == pytest.approx((weights * kl_estimate(logprobs, reference, kind)).sum())
    assert float(stats["kl"]) == pytest.approx(kl_estimate(logprobs, reference, kind).sum())


@pytest.mark.parametrize(("kind", "gradient"), [("k2", 1.0), ("k3", 1 - math.exp(-1))])
def test_kl_gradients_by_hand(kind, gradient) -> None:
    # d = 1: ∇k2 = d = 1, ∇k3 = 1 − e^(−d)
    logprobs = torch.tensor([-0.5], dtype=torch.float64, requires_grad=True)
    losses.kl_loss(logprobs, torch.tensor([-1.5]), torch.ones(1), kind)[0].backward()
    assert logprobs.grad.item() == pytest.approx(gradient)


def test_value_loss_by_hand() -> None:
    # V = 1, V_old = 0, R = 2, clip 0.2: max((1−2)², (0.2−2)²)/2 = 3.24/2
    # V = 0.1 stays inside: (0.1−2)²/2 = 1.805
    values = torch.tensor([1.0, 0.1])
    loss, stats = losses.value_loss(values, torch.zeros(2), torch.full((2,), 2.0), torch.ones(2), 0.2)
    assert float(loss) == pytest.approx(1.62 + 1.805)
    assert float(stats["value_clip_fraction"]) == 1


def test_value_loss_stops_the_gradient_of_a_clipped_value() -> None:
    values = torch.tensor([1.0], requires_grad=True)
    losses.value_loss(values, torch.zeros(1), torch.full((1,), 2.0), torch.ones(1), 0.2)[0].backward()
    assert values.grad.item() == 0


def test_entropy_by_hand() -> None:
    # p = 1/4, 3/4: H = ¼ ln 4 + ¾ ln 4/3 = 0.562335
    assert losses.entropy_of(torch.tensor([[0.25, 0.75]]).log()).item() == pytest.approx(0.5623351)


def test_impossible_tokens_do_not_spoil_the_entropy() -> None:
    logits = torch.tensor([[0.0, 0.0, torch.finfo(torch.float32).min]])
    assert losses.entropy_of(logits.log_softmax(-1)).item() == pytest.approx(LN2)


@pytest.mark.parametrize(
    "fields",
    [
        {"kl": "k3"},
        {"kl_coef": 0.1},
        {"clip_low": -0.1},
        {"clip_low": 1.5},
        {"clip_high": -0.1},
        {"constant": -1},
    ],
)
def test_contradictions_are_refused(fields) -> None:
    with pytest.raises(ConfigError):
        LossSpec(**fields)
