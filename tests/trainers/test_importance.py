"""Importance weights and corrected losses against values worked out by hand, finite differences and plain losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.config import AsyncConfig, Config
from agentrl.errors import ConfigError
from agentrl.trainers.correction import AGREEMENT, Correction
from agentrl.trainers.loss_spec import LossSpec
from tests.conftest import require

torch = require("torch")

from agentrl.trainers.importance import importance_metrics, importance_weights
from agentrl.trainers.micro_batch import MicroBatch
from agentrl.trainers.objective import Objective

KINDS = ("token", "sequence", "decoupled")
WIDE = (1e-9, 1e9)


def weigh(ratios, *, rows=None, **correction):
    """Weights and statistics for given π_prox/π_b; log π_b is −3."""
    behaviour = torch.full((len(ratios),), -3.0, dtype=torch.float64)
    proximal = behaviour + torch.tensor(ratios, dtype=torch.float64).log()
    rows = torch.tensor(rows or [0] * len(ratios))
    weights, stats = importance_weights(proximal, behaviour, rows, Correction(**correction))
    return weights.tolist(), {name: float(value) for name, value in stats.items()}


# -- weights ---------------------------------------------------------------------------------------------------------


def test_token_weights_are_truncated_by_hand() -> None:
    weights, stats = weigh([0.5, 1.0, 3.0, 1.9], kind="token", cap=2.0)
    assert weights == pytest.approx([0.5, 1, 2, 1.9])
    assert stats["importance"] == pytest.approx(5.4)
    assert stats["importance_square"] == pytest.approx(0.25 + 1 + 4 + 1.9**2)
    assert stats["importance_max"] == pytest.approx(2)
    assert stats["importance_truncated"] == 1
    assert stats["importance_rejected"] == 0
    assert stats["importance_gap"] == pytest.approx(math.log(2) + math.log(3) + math.log(1.9))
    assert stats["importance_gap_max"] == pytest.approx(math.log(3))


def test_decoupled_weights_are_not_truncated() -> None:
    weights, stats = weigh([0.5, 1.0, 300.0], kind="decoupled")
    assert weights == pytest.approx([0.5, 1, 300])
    assert stats["importance_truncated"] == stats["importance_rejected"] == 0


def test_sequence_weights_are_products_by_hand() -> None:
    # row 0: 1.1 · 0.9 = 0.99; row 1: 1.2³ = 1.728, its geometric mean 1.2; row 2: 1.25 · 1.25 → truncated at 1.5
    weights, stats = weigh(
        [1.1, 0.9, 1.2, 1.2, 1.2, 1.25, 1.25], rows=[0, 0, 1, 1, 1, 2, 2], kind="sequence", cap=1.5, reject=(0.8, 1.26)
    )
    assert weights == pytest.approx([0.99] * 2 + [1.5] * 3 + [1.5] * 2)
    assert stats["importance_truncated"] == 5
    assert stats["importance_rejected"] == 0


def test_rows_off_the_band_are_rejected_by_hand() -> None:
    # geometric means: row 0 √(4 · 1/4) = 1, kept though single tokens are far off; row 1 0.7; row 2 1.3
    weights, stats = weigh([4.0, 0.25, 0.7, 1.3, 1.3], rows=[0, 0, 1, 2, 2], kind="sequence", reject=(0.8, 1.25))
    assert weights == pytest.approx([1, 1, 0, 0, 0])
    assert stats["importance_rejected"] == pytest.approx(2)  # rows, not tokens
    assert stats["importance_truncated"] == 0  # 1.69 would have been below the cap, and is rejected anyway


def test_a_step_reports_shares_by_hand() -> None:
    # weights 1, 1, 2, 0 over 4 tokens in 2 rows, of which one is rejected: Σw = 4, Σw² = 6
    means = {"importance": 1.0, "importance_square": 1.5, "importance_rejected": 1 / 4, "action_tokens": 4, "rows": 2}
    metrics = importance_metrics(means)
    assert metrics["importance_std"] == pytest.approx(math.sqrt(0.5))
    assert metrics["importance_ess"] == pytest.approx(4**2 / (4 * 6))
    assert metrics["importance_rejected"] == pytest.approx(0.5)
    assert "importance_square" not in metrics


ratios = st.lists(st.floats(0.01, 100), min_size=1, max_size=8)


@given(ratios, st.floats(1, 10))
def test_caps_hold(values, cap) -> None:
    for kind in ("token", "sequence"):
        weights, _ = weigh(values, kind=kind, cap=cap, reject=WIDE)
        assert max(weights) <= cap * (1 + 1e-9)
        assert min(weights) > 0


@given(ratios)
def test_on_one_token_all_kinds_agree(values) -> None:
    for kind in KINDS:
        weights, _ = weigh(values, rows=list(range(len(values))), kind=kind, cap=1e3, reject=WIDE)
        assert weights == pytest.approx(values)


@given(ratios, st.floats(-1, 1))
def test_a_shift_of_the_row_scales_its_weights(values, shift) -> None:
    # log π_prox + c: e^c for each token, e^(n·c) for the row
    moved = [value * math.exp(shift) for value in values]
    for kind, factor in (("token", math.exp(shift)), ("sequence", math.exp(shift * len(values)))):
        before, after = (weigh(v, kind=kind, cap=1e60, reject=(1e-30, 1e30))[0] for v in (values, moved))
        assert after == pytest.approx([factor * w for w in before])


@given(st.lists(ratios, min_size=2, max_size=4))
def test_rows_do_not_feel_each_other(parts) -> None:
    flat = [value for part in parts for value in part]
    rows = [i for i, part in enumerate(parts) for _ in part]
    for kind in KINDS:
        together, _ = weigh(flat, rows=rows, kind=kind)
        alone = [weight for part in parts for weight in weigh(part, kind=kind)[0]]
        assert together == pytest.approx(alone)


def test_no_gradient_flows_through_the_weights() -> None:
    proximal = torch.zeros(2, requires_grad=True)
    weights, _ = importance_weights(proximal, torch.ones(2), torch.zeros(2, dtype=torch.long), Correction())
    assert not weights.requires_grad


def test_an_extreme_token_does_not_overflow() -> None:
    weights, _ = weigh([1e200, 1e200], kind="sequence", reject=WIDE)
    assert weights == [0, 0]
    weights, stats = weigh([1e200, 1.0], kind="token")
    assert weights == [2, 1]
    assert all(map(math.isfinite, stats.values()))


# -- corrected losses ------------------------------------------------------------------------------------------------


def micro_batch(n: int, vocab: int, rng: np.random.Generator, **fields: np.ndarray) -> MicroBatch:
    """Two rows; with no `proximal` among the fields, the current policy is it."""
    fields = {"advantages": rng.normal(size=n), "weights": np.full(n, 1 / n), **fields}
    return MicroBatch(
        ids=torch.zeros(2, n),
        index=torch.arange(n),
        targets=torch.from_numpy(rng.integers(vocab, size=n)),
        rows=torch.arange(n) * 2 // n,
        fields={name: torch.from_numpy(np.asarray(values)) for name, values in fields.items()},
    )


def evaluate(micro: MicroBatch, logits, spec: LossSpec, correction: Correction | None):
    """Loss and gradient with respect to the logits."""
    logits = logits.clone().requires_grad_()
    loss, stats = Objective(spec, correction)(logits.log_softmax(-1), None, micro)
    loss.backward()
    return loss.item(), logits.grad, stats


SPECS = {
    "token": LossSpec(clip_high=0.28),
    "gspo": LossSpec(ratio="sequence", aggregation="sequence_mean"),
    "entropy": LossSpec(entropy_coef=0.1),
    "kl": LossSpec(kl="k3", kl_coef=0.1),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("kind", KINDS)
def test_without_a_gap_the_loss_is_the_plain_one(kind, spec) -> None:
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(6, 5)))
    behaviour = rng.normal(-1.5, 0.3, 6)
    micro = micro_batch(6, 5, rng, behaviour=behaviour, proximal=behaviour, reference=rng.normal(-1.5, 0.3, 6))
    loss, gradient, _ = evaluate(micro, logits, spec, Correction(kind=kind))
    plain, expected, _ = evaluate(micro, logits, spec, None)
    assert loss == pytest.approx(plain, rel=1e-12)
    torch.testing.assert_close(gradient, expected)


def test_a_corrected_loss_by_hand() -> None:
    # p = ½ for both tokens; log π_prox = ln ¼, log π_b = ln ⅛: ρ = 2, w = min(2, 1.5); A = 1, −1; clip at 1.28
    micro = micro_batch(
        2, 2, np.random.default_rng(0), behaviour=np.log([1 / 8] * 2), proximal=np.log([1 / 4] * 2),
        advantages=np.array([1.0, -1.0]), weights=np.array([0.5, 0.5]),
    )  # fmt: skip
    loss, _, stats = evaluate(micro, torch.zeros(2, 2, dtype=torch.float64), SPECS["token"], Correction(cap=1.5))
    assert loss == pytest.approx(0.5 * 1.5 * -1.28 + 0.5 * 1.5 * 2)
    assert float(stats["ratio"]) == pytest.approx(4)
    assert float(stats["importance_truncated"]) == 2


@pytest.mark.parametrize("kind", ["token", "decoupled"])
def test_the_first_step_takes_the_policy_itself_as_proximal(kind) -> None:
    # gradient of −Σ ŵ w A log π with w = π/π_b held fixed
    rng = np.random.default_rng(1)
    logits = torch.from_numpy(rng.normal(size=(6, 5)))
    micro = micro_batch(6, 5, rng, behaviour=rng.normal(-1.5, 0.5, 6))
    leaf = logits.clone().requires_grad_()
    chosen = leaf.log_softmax(-1)[range(6), micro.targets]
    w = (chosen.detach() - micro.fields["behaviour"]).exp().clamp(max=math.inf if kind == "decoupled" else 2.0)
    (-(micro.fields["weights"] * w * micro.fields["advantages"] * chosen).sum()).backward()
    _, gradient, _ = evaluate(micro, logits, LossSpec(), Correction(kind=kind))
    torch.testing.assert_close(gradient, leaf.grad)


@pytest.mark.parametrize("spec", [SPECS["token"], SPECS["entropy"], SPECS["kl"]], ids=["token", "entropy", "kl"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_differences(kind, spec) -> None:
    rng = np.random.default_rng(2)
    logits = torch.from_numpy(rng.normal(size=(4, 3)))
    behaviour = rng.normal(-1.2, 0.3, 4)
    micro = micro_batch(
        4, 3, rng, behaviour=behaviour, proximal=behaviour + rng.normal(0, 0.1, 4), reference=rng.normal(-1.2, 0.3, 4)
    )
    correction = Correction(kind=kind)
    _, gradient, _ = evaluate(micro, logits, spec, correction)
    for i in range(logits.numel()):
        step = torch.zeros(logits.numel(), dtype=torch.float64)
        step[i] = 1e-6
        up, down = (evaluate(micro, logits + s * step.view_as(logits), spec, correction)[0] for s in (1, -1))
        assert float(gradient.flatten()[i]) == pytest.approx((up - down) / 2e-6, abs=1e-7)


def test_a_rejected_row_takes_part_in_no_term_and_still_counts() -> None:
    rng = np.random.default_rng(3)
    logits = torch.from_numpy(rng.normal(size=(4, 3)))
    behaviour = rng.normal(-1.2, 0.3, 4)
    shift = np.array([0, 0, 1.0, 1.0])  # the second row is off by e
    micro = micro_batch(4, 3, rng, behaviour=behaviour, proximal=behaviour + shift, reference=behaviour)
    spec = LossSpec(kl="k3", kl_coef=0.1, entropy_coef=0.1)
    loss, gradient, stats = evaluate(micro, logits, spec, Correction(kind="sequence"))
    assert float(stats["importance_rejected"]) == 1
    assert not gradient[2:].any()
    # the weights stay 1/4: they are not dealt out again among the accepted rows
    without = dict(micro.fields, weights=micro.fields["weights"] * torch.tensor([1, 1, 0, 0]))
    kept = MicroBatch(micro.ids, micro.index, micro.targets, micro.rows, without)
    plain, expected, _ = evaluate(kept, logits, spec, None)
    assert loss == pytest.approx(plain)
    torch.testing.assert_close(gradient, expected)


# -- which correction ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "gap", "kind"),
    [
        ({}, AGREEMENT / 2, None),
        ({}, AGREEMENT * 2, "token"),
        ({}, None, "token"),  # not known
        ({"staleness": 1}, 0.0, "token"),
        ({"staleness": 4, "importance": "none"}, 1.0, None),
        ({"importance": "decoupled"}, 0.0, "decoupled"),
        ({"importance": "sequence"}, 0.0, "sequence"),
    ],
)
def test_which_correction(config, gap, kind) -> None:
    correction = Correction.resolve(AsyncConfig(**config), gap)
    assert (correction and correction.kind) == kind


def test_a_correction_takes_its_bounds_from_the_configuration() -> None:
    config = AsyncConfig(importance="sequence", importance_cap=3.0, reject=(0.5, 2.0))
    assert Correction.resolve(config, 0.0) == Correction(kind="sequence", cap=3.0, reject=(0.5, 2.0))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ("importance = 'none'\nimportance_cap = 3", "'none' truncates nothing"),
        ("importance = 'decoupled'\nimportance_cap = 3", "'decoupled' truncates nothing"),
        ("importance_cap = 0.5", "importance_cap"),  # would scale down what is on-policy
        ("importance = 'token'\nreject = [0.5, 2.0]", "'token' rejects nothing"),
        ("importance = 'sequence'\nreject = [1.1, 2.0]", "band around 1"),
    ],
)
def test_options_that_would_do_nothing_are_refused(tmp_path, settings, reason) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[async]\n{settings}\n")
    with pytest.raises(ConfigError, match=reason):
        Config.load(path)
