"""The learner against plain computations of the same thing."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest

from agentrl.config import OptimConfig
from agentrl.errors import ConfigError, RunStoppedError
from agentrl.trainers.data import Row, SftRow
from agentrl.trainers.loss_spec import LossSpec
from tests.conftest import require

torch = require("torch")
require("transformers")

from agentrl.trainers.learner import Learner, LearnerOptions
from tests.trainers.tiny import CONFIGS, random_rows, random_sft_rows, tiny_model

SGD_LIKE = OptimConfig(lr=1e-3, max_grad_norm=1e9)
LOSSES = {
    "token_mean": LossSpec(),
    "sequence_mean": LossSpec(aggregation="sequence_mean"),
    "constant": LossSpec(aggregation="constant", constant=40),
    "gspo": LossSpec(ratio="sequence", aggregation="sequence_mean"),
    "kl": LossSpec(kl="k3", kl_coef=0.1),
    "entropy": LossSpec(entropy_coef=0.01),
}


def make_learner(model: Any = None, **options: Any) -> Learner:
    return Learner(model or tiny_model(), LearnerOptions(**{"optim": SGD_LIKE, **options}))


def gradients(learner: Learner, rows: list[Row], loss: LossSpec) -> np.ndarray:
    """The gradient of one step; it stays on the parameters after the step."""
    if loss.reference_in_loss:
        learner.reference = tiny_model(seed=1)
    learner.update(rows, loss)
    return np.concatenate(
        [
            np.zeros(p.numel()) if p.grad is None else p.grad.flatten().numpy().copy()
            for p in learner.optimizer.parameters
        ]
    )


# -- log-probs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", CONFIGS)
def test_logprobs_are_those_of_each_row_alone(family) -> None:
    model = tiny_model(family)
    rows = random_rows(7)
    got = make_learner(model).logprobs(rows)
    for row, logprobs in zip(rows, got, strict=True):
        with torch.no_grad():
            whole = model(torch.tensor(row.ids[None])).logits[0].log_softmax(-1)
        expected = whole[:-1].gather(1, torch.tensor(row.ids[1:, None]))[:, 0].numpy()
        np.testing.assert_allclose(logprobs[1:][row.mask[1:]], expected[row.mask[1:]], atol=1e-4)
        assert not logprobs[~row.mask].any()


def test_logprobs_at_a_temperature() -> None:
    model, (row,) = tiny_model(), random_rows(1)
    got = make_learner(model, temperature=0.5).logprobs([row])[0]
    with torch.no_grad():
        whole = (model(torch.tensor(row.ids[None])).logits[0] / 0.5).log_softmax(-1)
    expected = whole[:-1].gather(1, torch.tensor(row.ids[1:, None]))[:, 0].numpy()
    np.testing.assert_allclose(got[1:][row.mask[1:]], expected[row.mask[1:]], atol=1e-4)


def test_rows_without_action_tokens_score_zero() -> None:
    row = random_rows(1)[0]
    empty = dataclasses.replace(row, mask=np.zeros(len(row), np.bool_))
    assert not make_learner().logprobs([empty])[0].any()


@pytest.mark.parametrize("family", CONFIGS)
def test_bfloat16_stays_close(family) -> None:
    rows = random_rows(5)
    exact = make_learner(tiny_model(family)).logprobs(rows)
    rough = make_learner(tiny_model(family), dtype="bfloat16").logprobs(rows)
    gap = np.concatenate([(a - b)[r.mask] for a, b, r in zip(exact, rough, rows, strict=True)])
    assert 0 < np.abs(gap).mean() < 0.05


# -- one step --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_splitting_into_micro_batches_leaves_the_gradient(loss) -> None:
    rows = random_rows(9)
    whole = gradients(make_learner(micro_batch_tokens=10_000), rows, loss)
    for tokens in (1, 64, 200):
        np.testing.assert_allclose(gradients(make_learner(micro_batch_tokens=tokens), rows, loss), whole, atol=2e-6)


@pytest.mark.parametrize("critic", ["detached", "shared", "copy"])
def test_splitting_leaves_the_gradient_with_a_critic(critic) -> None:
    rows = random_rows(9)
    whole = gradients(make_learner(critic=critic, micro_batch_tokens=10_000), rows, LossSpec())
    split = gradients(make_learner(critic=critic, micro_batch_tokens=64), rows, LossSpec())
    np.testing.assert_allclose(split, whole, atol=2e-6)


def test_gradient_of_the_first_step_is_that_of_reinforce() -> None:
    # on-policy ρ = 1 everywhere, so the loss is −(1/N) Σ A log π
    rows, model = random_rows(5), tiny_model()
    learner = make_learner(model)
    rows = [dataclasses.replace(r, logprobs=lp) for r, lp in zip(rows, learner.logprobs(rows), strict=True)]
    plain = tiny_model()
    count = sum(r.mask.sum() for r in rows)
    for r in rows:
        logprobs = plain(torch.tensor(r.ids[None])).logits[0, :-1].log_softmax(-1)
        chosen = logprobs.gather(1, torch.tensor(r.ids[1:, None]))[:, 0]
        (-(chosen * torch.tensor(r.advantages[1:])).sum() / count).backward()
    learner.update(rows, LossSpec())
    expected = {name: p.grad for name, p in plain.named_parameters()}
    for name, p in model.named_parameters():
        torch.testing.assert_close(p.grad, expected[name], atol=1e-6, rtol=1e-4)


def test_metrics_of_an_on_policy_step() -> None:
    rows, learner = random_rows(5), make_learner()
    rows = [dataclasses.replace(r, logprobs=lp) for r, lp in zip(rows, learner.logprobs(rows), strict=True)]
    metrics = learner.update(rows, LossSpec())
    assert metrics["ratio"] == pytest.approx(1, abs=1e-5)
    assert metrics["ratio_std"] == pytest.approx(0, abs=1e-2)
    assert metrics["clip_fraction_low"] == metrics["clip_fraction_high"] == 0
    assert metrics["logprob_gap"] < 1e-5
    assert metrics["tokens"] == sum(map(len, rows))
    assert metrics["action_tokens"] == sum(r.mask.sum() for r in rows)
    assert 0 <= metrics["padding"] < 1
    assert metrics["steps"] == 1
    assert 0 < metrics["entropy"] < np.log(32)


def test_rows_without_advantage_are_skipped_and_still_counted() -> None:
    rows = random_rows(6)
    dead = [dataclasses.replace(r, advantages=np.zeros_like(r.advantages)) for r in rows[:3]] + rows[3:]
    learner = make_learner()
    metrics = learner.update(dead, LossSpec())
    assert metrics["rows"] == 3
    # an entropy bonus of (almost) nothing forces all rows through; the gradient is the same
    full = gradients(make_learner(), dead, LossSpec(entropy_coef=1e-12))
    np.testing.assert_allclose(gradients(make_learner(), dead, LossSpec()), full, atol=1e-6)


def test_a_batch_without_advantages_takes_no_step() -> None:
    rows = [dataclasses.replace(r, advantages=np.zeros_like(r.advantages)) for r in random_rows(3)]
    learner = make_learner()
    before = {name: w.clone() for name, w in learner.weights().items()}
    assert learner.update(rows, LossSpec())["steps"] == 0
    assert all(torch.equal(before[name], w) for name, w in learner.weights().items())
    assert learner.update([], LossSpec())["steps"] == 0


def test_epochs_and_mini_batches_make_steps() -> None:
    assert make_learner().update(random_rows(8), LossSpec(), epochs=2, mini_batches=3)["steps"] == 6


def test_learning_raises_the_probability_of_good_actions() -> None:
    rows = [dataclasses.replace(r, advantages=r.mask.astype(np.float32)) for r in random_rows(6)]
    learner = make_learner(optim=OptimConfig(lr=1e-2))
    before = np.concatenate(learner.logprobs(rows)).sum()
    rows = [dataclasses.replace(r, logprobs=lp) for r, lp in zip(rows, learner.logprobs(rows), strict=True)]
    for _ in range(5):
        learner.update(rows, LossSpec(clip_high=10))
    assert np.concatenate(learner.logprobs(rows)).sum() > before + 1


def test_a_loss_that_is_not_finite_stops_the_run_before_the_step() -> None:
    rows = random_rows(3)
    rows[0].advantages[rows[0].mask] = np.nan
    learner = make_learner()
    before = {name: w.clone() for name, w in learner.weights().items()}
    with pytest.raises(RunStoppedError, match="loss nan"):
        learner.update(rows, LossSpec())
    assert all(torch.equal(before[name], w) for name, w in learner.weights().items())


def test_gradients_are_clipped() -> None:
    learner = make_learner(optim=OptimConfig(max_grad_norm=1e-3))
    norm = learner.update(random_rows(5), LossSpec())["grad_norm"]
    clipped = torch.cat([p.grad.flatten() for p in learner.optimizer.parameters if p.grad is not None]).norm()
    assert norm > 1e-3
    assert float(clipped) == pytest.approx(1e-3, rel=1e-3)


# -- KL and critic ---------------------------------------------------------------------------------------------------


def test_the_reference_stays_where_it_was_taken() -> None:
    rows, learner = random_rows(4), make_learner()
    learner.set_reference()
    before = learner.reference_logprobs(rows)
    metrics = learner.update(rows, LossSpec(kl="k3", kl_coef=0.1))
    assert metrics["kl"] == pytest.approx(0, abs=1e-5)
    for a, b in zip(before, learner.reference_logprobs(rows), strict=True):
        np.testing.assert_array_equal(a, b)
    assert learner.update(rows, LossSpec(kl="k3", kl_coef=0.1))["kl"] > 0


def test_kl_without_a_reference_is_refused() -> None:
    with pytest.raises(ConfigError, match="set_reference"):
        make_learner().update(random_rows(2), LossSpec(kl="k3", kl_coef=0.1))


@pytest.mark.parametrize("critic", ["detached", "shared", "copy"])
def test_a_critic_learns_its_targets(critic) -> None:
    rows = [
        dataclasses.replace(
            r,
            advantages=np.zeros_like(r.advantages),
            returns=np.where(r.mask, 0.7, 0).astype(np.float32),
            values=np.zeros_like(r.advantages),
        )
        for r in random_rows(6)
    ]
    learner = make_learner(critic=critic, optim=OptimConfig(lr=1e-2))
    assert not np.concatenate(learner.values(rows)).any()  # says 0 before it has learned
    for _ in range(60):
        learner.update(rows, LossSpec(value_clip=10.0))
    got = np.concatenate([v[r.mask] for v, r in zip(learner.values(rows), rows, strict=True)])
    assert np.abs(got - 0.7).mean() < 0.2


@pytest.mark.parametrize(("critic", "moves"), [("detached", False), ("shared", True), ("copy", False)])
def test_only_a_shared_critic_moves_the_policy(critic, moves) -> None:
    rows = [dataclasses.replace(r, advantages=np.zeros_like(r.advantages)) for r in random_rows(4)]
    learner = make_learner(critic=critic)
    assert learner.critic is not None
    torch.nn.init.normal_(learner.critic.head.weight)  # a head of zeros would pass no gradient on
    learner.update(rows, LossSpec())
    norm = sum(float(p.grad.abs().sum()) for p in learner.model.parameters() if p.grad is not None)
    assert (norm > 0) == moves


def test_a_critic_needs_its_targets() -> None:
    rows = [dataclasses.replace(r, returns=None) for r in random_rows(2)]
    with pytest.raises(ValueError, match="2 of 2 rows have no returns"):
        make_learner(critic="shared").update(rows, LossSpec())


def test_values_need_a_critic() -> None:
    with pytest.raises(ConfigError, match="no critic"):
        make_learner().values(random_rows(1))


# -- supervised fine-tuning ------------------------------------------------------------------------------------------


def test_sft_loss_by_hand() -> None:
    # weighted mean of −log π over tokens 1 … L−1; the first token has no context and counts nowhere
    model = tiny_model()
    row = SftRow(np.array([3, 4, 5, 6]), np.array([1.0, 0.0, 0.3, 1.0], np.float32))
    with torch.no_grad():
        logprobs = model(torch.tensor(row.ids[None])).logits[0].log_softmax(-1)
    expected = -(0.3 * logprobs[1, 5] + 1.0 * logprobs[2, 6]) / 1.3
    assert make_learner(model).sft_update([row])["loss"] == pytest.approx(float(expected), rel=1e-5)


def test_sft_is_the_same_however_it_is_split() -> None:
    rows = random_sft_rows(9)
    a, b = make_learner(micro_batch_tokens=10_000), make_learner(micro_batch_tokens=40)
    assert a.sft_update(rows)["loss"] == pytest.approx(b.sft_update(rows)["loss"], rel=1e-5)
    for name, weight in a.weights().items():
        torch.testing.assert_close(weight, b.weights()[name], atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("name", ["adamw", "muon"])
@pytest.mark.parametrize("family", ["lfm2", "gpt2"])
def test_sft_learns_a_row_by_heart(name, family) -> None:
    rows = random_sft_rows(2)
    learner = make_learner(tiny_model(family), optim=OptimConfig(name=name, lr=1e-2, muon_lr=0.05))
    losses = [learner.sft_update(rows)["loss"] for _ in range(40)]
    assert losses[-1] < losses[0] / 3


def test_sft_without_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="loss weight"):
        make_learner().sft_update([SftRow(np.array([1, 2]), np.zeros(2, np.float32))])


# -- state -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"critic": "copy"}, {"optim": OptimConfig(name="muon")}])
def test_a_restored_learner_goes_on_as_if_nothing_had_happened(options) -> None:
    spec, rows = LossSpec(kl="k2", kl_coef=0.1), random_rows(8)
    learner = make_learner(**options)
    learner.set_reference()
    learner.update(rows, spec, mini_batches=2)
    weights = {name: w.clone() for name, w in learner.weights().items()}
    state = copy.deepcopy(learner.state_dict())
    model = tiny_model(seed=5)
    model.load_state_dict(weights)
    twin = make_learner(model, **options)
    twin.load_state_dict(state)
    a, b = learner.update(rows, spec, mini_batches=2), twin.update(rows, spec, mini_batches=2)
    assert {k: v for k, v in a.items() if k != "seconds"} == {k: v for k, v in b.items() if k != "seconds"}
    for name, weight in learner.weights().items():
        assert torch.equal(weight, twin.weights()[name])
