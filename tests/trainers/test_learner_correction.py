"""The learner on rollouts of another policy: exact under splitting, and with the proximal policy where it belongs."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from agentrl.config import OptimConfig
from agentrl.trainers.correction import Correction
from agentrl.trainers.data import Row
from agentrl.trainers.loss_spec import LossSpec
from tests.conftest import require

torch = require("torch")
require("transformers")

from agentrl.trainers.learner import Learner, LearnerOptions
from tests.trainers.tiny import random_rows, tiny_model

CORRECTIONS = {
    "token": Correction(kind="token"),
    "sequence": Correction(kind="sequence", reject=(0.5, 2.0)),
    "decoupled": Correction(kind="decoupled"),
}
LOSSES = {
    "token_mean": LossSpec(),
    "constant": LossSpec(aggregation="constant", constant=40),
    "gspo": LossSpec(ratio="sequence", aggregation="sequence_mean"),
    "kl": LossSpec(kl="k3", kl_coef=0.1),
}
every = pytest.mark.parametrize("correction", CORRECTIONS.values(), ids=CORRECTIONS)


def make_learner(**options: Any) -> Learner:
    return Learner(tiny_model(), LearnerOptions(**{"optim": OptimConfig(lr=1e-3, max_grad_norm=1e9), **options}))


def stale_rows(count: int, spread: float = 0.4) -> list[Row]:
    """Rows whose behaviour policy lies around the learner's; the last third is far off as a whole."""
    rows, rng = random_rows(count), np.random.default_rng(0)
    logprobs = make_learner().logprobs(rows)
    shifts = [1.5 * (i >= 2 * count // 3) for i in range(count)]
    return [
        dataclasses.replace(r, logprobs=np.where(r.mask, p + rng.normal(s, spread, len(r)), 0).astype(np.float32))
        for r, p, s in zip(rows, logprobs, shifts, strict=True)
    ]


def outcome(learner: Learner, rows: list[Row], loss: LossSpec, **how: Any) -> tuple[np.ndarray, dict[str, float]]:
    """The policy's weights after an update, and its metrics."""
    if loss.reference_in_loss:
        learner.reference = tiny_model(seed=1)
    metrics = learner.update(rows, loss, **how)
    weights = np.concatenate([w.detach().flatten().numpy().copy() for w in learner.weights().values()])
    return weights, {k: v for k, v in metrics.items() if k not in ("seconds", "padding")}


def gradient(learner: Learner) -> np.ndarray:
    return np.concatenate(
        [
            np.zeros(p.numel()) if p.grad is None else p.grad.flatten().numpy().copy()
            for p in learner.optimizer.parameters
        ]
    )


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@every
def test_splitting_into_micro_batches_leaves_gradient_and_metrics(correction, loss) -> None:
    rows = stale_rows(9)
    whole, split = make_learner(micro_batch_tokens=10_000), make_learner(micro_batch_tokens=64)
    _, expected = outcome(whole, rows, loss, correction=correction)
    _, metrics = outcome(split, rows, loss, correction=correction)
    np.testing.assert_allclose(gradient(split), gradient(whole), atol=5e-6)
    assert metrics == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("critic", ["shared", "copy"])
@every
def test_a_critic_learns_beside_a_corrected_policy(correction, critic) -> None:
    rows = stale_rows(9)
    whole, split = (make_learner(critic=critic, micro_batch_tokens=n) for n in (10_000, 64))
    _, metrics = outcome(whole, rows, LossSpec(), correction=correction)
    outcome(split, rows, LossSpec(), correction=correction)
    np.testing.assert_allclose(gradient(split), gradient(whole), atol=5e-6)
    assert metrics["value_loss"] > 0
    assert (metrics["importance_rejected"] > 0) == (correction.kind == "sequence")


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@every
def test_the_only_step_of_an_update_needs_no_extra_pass(correction, loss, monkeypatch) -> None:
    rows = stale_rows(9)
    recomputed = make_learner().logprobs(rows)
    given = [dataclasses.replace(r, proximal=p) for r, p in zip(rows, recomputed, strict=True)]
    _, expected = outcome(separate := make_learner(), given, loss, correction=correction)
    learner = make_learner()
    monkeypatch.setattr(learner, "logprobs", None)  # must not be called
    _, metrics = outcome(learner, rows, loss, correction=correction)
    np.testing.assert_allclose(gradient(learner), gradient(separate), atol=5e-6)
    assert metrics == pytest.approx(expected, rel=1e-4, abs=1e-5)


@every
def test_all_steps_compare_with_the_policy_before_the_first(correction) -> None:
    rows, how = stale_rows(9), {"epochs": 2, "mini_batches": 2, "correction": correction}
    recomputed = make_learner().logprobs(rows)
    given = [dataclasses.replace(r, proximal=p) for r, p in zip(rows, recomputed, strict=True)]
    expected, metrics = outcome(make_learner(), given, LossSpec(), **how)
    weights, own = outcome(make_learner(), rows, LossSpec(), **how)
    np.testing.assert_array_equal(weights, expected)
    assert own == metrics
    assert own["steps"] == 4
    assert own["logprob_gap"] > 0  # from the proximal policy, which the steps leave behind


@every
def test_on_policy_a_correction_changes_nothing(correction) -> None:
    rows, learner = random_rows(8), make_learner()
    rows = [dataclasses.replace(r, logprobs=p) for r, p in zip(rows, learner.logprobs(rows), strict=True)]
    how = {"epochs": 2, "mini_batches": 2}
    plain, _ = outcome(make_learner(), rows, LossSpec(), **how)
    corrected, metrics = outcome(learner, rows, LossSpec(), **how, correction=correction)
    np.testing.assert_allclose(corrected, plain, atol=1e-6)
    assert metrics["importance"] == pytest.approx(1)
    assert metrics["importance_ess"] == pytest.approx(1)
    assert metrics["importance_gap_max"] == metrics["importance_rejected"] == 0


def test_metrics_are_those_of_the_tokens() -> None:
    rows = stale_rows(9)
    _, metrics = outcome(make_learner(micro_batch_tokens=64), rows, LossSpec(), correction=CORRECTIONS["token"])
    proximal = make_learner().logprobs(rows)
    gaps = np.concatenate([(p - r.logprobs)[r.mask] for p, r in zip(proximal, rows, strict=True)])
    w = np.minimum(np.exp(gaps), 2)
    assert metrics["importance"] == pytest.approx(w.mean(), rel=1e-4)
    assert metrics["importance_std"] == pytest.approx(w.std(), rel=1e-3)
    assert metrics["importance_max"] == pytest.approx(w.max(), rel=1e-4)
    assert metrics["importance_truncated"] == pytest.approx((gaps > np.log(2)).mean())
    assert metrics["importance_ess"] == pytest.approx(w.sum() ** 2 / (len(w) * (w**2).sum()), rel=1e-4)
    assert metrics["importance_gap"] == pytest.approx(np.abs(gaps).mean(), rel=1e-4)
    assert metrics["importance_gap_max"] == pytest.approx(np.abs(gaps).max(), rel=1e-4)
    assert metrics["ratio"] == pytest.approx(1)  # to the proximal policy
    _, metrics = outcome(make_learner(), rows, LossSpec(), mini_batches=3, correction=CORRECTIONS["decoupled"])
    assert metrics["importance_max"] == pytest.approx(np.exp(gaps.max()), rel=1e-4)  # of all steps, not their mean
    assert metrics["importance_gap_max"] == pytest.approx(np.abs(gaps).max(), rel=1e-4)


def test_far_off_rows_are_rejected_and_still_counted() -> None:
    rows = stale_rows(9, spread=0.01)
    _, metrics = outcome(learner := make_learner(), rows, LossSpec(), correction=Correction(kind="sequence"))
    assert metrics["importance_rejected"] == pytest.approx(3 / 9)
    # the same as rows without advantage, which count in the normalisation, too
    dead = [*rows[:6], *(dataclasses.replace(r, advantages=np.zeros_like(r.advantages)) for r in rows[6:])]
    outcome(other := make_learner(), dead, LossSpec(), correction=Correction(kind="sequence"))
    np.testing.assert_allclose(gradient(learner), gradient(other), atol=1e-6)


def test_only_rows_that_train_are_scored_for_the_proximal_policy(monkeypatch) -> None:
    rows = stale_rows(6)
    dead = [dataclasses.replace(r, advantages=np.zeros_like(r.advantages)) for r in rows[:3]] + rows[3:]
    learner = make_learner()
    scored: list[Row] = []
    score = learner.logprobs
    monkeypatch.setattr(learner, "logprobs", lambda rows: (scored.extend(rows), score(rows))[1])
    metrics = learner.update(dead, LossSpec(), mini_batches=2, correction=Correction())
    assert metrics["rows"] == 3
    assert len(scored) == 3


def test_a_stale_batch_is_learned_from() -> None:
    # rollouts of an older policy: the correction is not so strong that nothing is learned
    rows = [dataclasses.replace(r, advantages=r.mask.astype(np.float32)) for r in stale_rows(6)]
    learner = make_learner(optim=OptimConfig(lr=1e-2))
    before = np.concatenate(learner.logprobs(rows)).sum()
    for _ in range(3):
        learner.update(rows, LossSpec(), epochs=2, correction=Correction())
    assert np.concatenate(learner.logprobs(rows)).sum() > before + 1
