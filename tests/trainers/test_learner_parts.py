"""Attention, LoRA, optimisers and schedules."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest

from agentrl.config import OptimConfig
from agentrl.errors import MissingExtraError
from agentrl.trainers.loss_spec import LossSpec
from tests.conftest import require

torch = require("torch")
require("transformers")

from agentrl.trainers import attention
from agentrl.trainers.learner import Learner, LearnerOptions
from agentrl.trainers.optim import Optimizer, lr_scale
from tests.trainers.tiny import CONFIGS, random_rows, random_sft_rows, tiny_model

# -- blocked attention -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 5, 8, 9, 30])
@pytest.mark.parametrize("groups", [1, 2])
def test_blocked_attention_is_causal_attention(length, groups, monkeypatch) -> None:
    monkeypatch.setattr(attention, "BLOCK", 8)
    torch.manual_seed(0)
    query = torch.randn(3, 4, length, 16, requires_grad=True)
    key, value = (torch.randn(3, 4 // groups, length, 16, requires_grad=True) for _ in range(2))
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    got, _ = attention.blocked_attention(torch.nn.Module(), query, key, value, None)
    torch.testing.assert_close(got, expected.transpose(1, 2), atol=1e-5, rtol=1e-4)
    weight = torch.randn_like(got)
    wanted = torch.autograd.grad((expected.transpose(1, 2) * weight).sum(), (query, key, value))
    torch.testing.assert_close(torch.autograd.grad((got * weight).sum(), (query, key, value)), wanted)


def test_blocked_attention_refuses_what_it_would_get_wrong() -> None:
    x = torch.randn(1, 1, 4, 8)
    with pytest.raises(ValueError, match="without a mask"):
        attention.blocked_attention(torch.nn.Module(), x, x, x, torch.zeros(1, 1, 4, 4))


@pytest.mark.parametrize("family", ["lfm2", "qwen3", "llama"])
def test_a_model_with_blocked_attention_computes_the_same(family) -> None:
    model, ids = tiny_model(family), torch.randint(0, 32, (2, 20))
    with torch.no_grad():
        plain = model(ids).logits
        with attention.blocked(model):
            assert model.config._attn_implementation == attention.NAME
            torch.testing.assert_close(model(ids).logits, plain, atol=1e-4, rtol=1e-4)
    assert model.config._attn_implementation == "sdpa"


def test_only_plain_causal_attention_is_replaced() -> None:
    from transformers import Gemma2Config, Qwen3Config

    assert attention.supported(CONFIGS["lfm2"]())
    assert not attention.supported(Gemma2Config())
    assert not attention.supported(CONFIGS["gpt2"]())
    assert not attention.supported(Qwen3Config(use_sliding_window=True, max_window_layers=1, num_hidden_layers=2))


# -- LoRA ------------------------------------------------------------------------------------------------------------


def lora(model: Any, **options: Any) -> Learner:
    return Learner(model, LearnerOptions(optim=OptimConfig(lr=1e-2), lora_rank=2, **options))


@pytest.mark.parametrize("family", ["lfm2", "llama"])
def test_lora_trains_adapters_only_and_publishes_merged_weights(family) -> None:
    require("peft")
    base = {name: w.clone() for name, w in tiny_model(family).state_dict().items()}
    learner = lora(tiny_model(family))
    rows = random_rows(5)
    learner.update(rows, LossSpec())
    learner.sft_update(random_sft_rows(4))
    weights = learner.weights()
    assert set(weights) == set(base)
    changed = {name for name, w in weights.items() if not torch.equal(w, base[name])}
    assert changed
    assert not any("embed" in name or "norm" in name for name in changed)
    merged = tiny_model(family)
    merged.load_state_dict(weights)
    again = Learner(merged, LearnerOptions()).logprobs(rows)
    for a, b in zip(learner.logprobs(rows), again, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_a_second_phase_of_lora_starts_from_the_first() -> None:
    require("peft")
    model, rows = tiny_model(), random_rows(3)
    first = lora(model)
    first.update(rows, LossSpec())
    logprobs, weights = first.logprobs(rows), {name: w.clone() for name, w in first.weights().items()}
    second = lora(model)
    assert set(second.weights()) == set(weights)
    for a, b in zip(logprobs, second.logprobs(rows), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_lora_state_survives() -> None:
    require("peft")
    learner, rows = lora(tiny_model()), random_rows(3)
    learner.update(rows, LossSpec())
    twin = lora(tiny_model(seed=3))
    twin.load_state_dict(learner.state_dict())
    for a, b in zip(learner.logprobs(rows), twin.logprobs(rows), strict=True):
        np.testing.assert_array_equal(a, b)


def test_lora_with_muon_and_bfloat16() -> None:
    require("peft")
    optim = OptimConfig(name="muon", muon_lr=0.02)
    learner = Learner(tiny_model("llama"), LearnerOptions(optim=optim, lora_rank=2, dtype="bfloat16"))
    assert [type(o).__name__ for o in learner.optimizer.optimizers] == ["Muon"]  # adapters are all matrices
    losses = [learner.sft_update(random_sft_rows(3))["loss"] for _ in range(30)]
    assert losses[-1] < 0.8 * losses[0]


def test_lora_without_peft_names_the_extra(monkeypatch) -> None:
    real = builtins.__import__

    def no_peft(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("peft"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_peft)
    with pytest.raises(MissingExtraError, match=r"agentrl\[lora\]"):
        lora(tiny_model())


# -- optimisers ------------------------------------------------------------------------------------------------------


def test_schedules_by_hand() -> None:
    # warm-up over 2 steps: 1/2, 1; then linear over the 4 that remain: 1, 3/4, 1/2, 1/4, and 0 at the end
    assert [lr_scale(s, 2, 6, "linear") for s in range(7)] == [0.5, 1, 1, 0.75, 0.5, 0.25, 0]
    # cosine half-way: (1 + cos 90°)/2
    assert lr_scale(4, 2, 6, "cosine") == pytest.approx(0.5)
    assert lr_scale(10_000, 2, 0, "constant") == 1
    assert lr_scale(99, 0, 6, "linear") == 0


def test_a_decay_needs_its_length() -> None:
    with pytest.raises(ValueError, match="number of steps"):
        Optimizer([tiny_model()], OptimConfig(schedule="linear"))


def test_warm_up_reaches_the_parameters() -> None:
    model = tiny_model()
    optimizer = Optimizer([model], OptimConfig(lr=0.1, warmup_steps=10))
    assert optimizer.lr == pytest.approx(0.01)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    before = model.model.embedding_norm.weight.clone()
    optimizer.step()
    # Adam's first step is lr · sign(g), without weight decay on a norm
    torch.testing.assert_close(before - model.model.embedding_norm.weight, torch.full_like(before, 0.01))


def test_muon_takes_hidden_matrices_and_nothing_else() -> None:
    model = tiny_model("llama")
    adamw, muon = Optimizer([model], OptimConfig(name="muon")).optimizers
    names = {id(p): name for name, p in model.named_parameters()}
    taken = {names[id(p)] for group in muon.param_groups for p in group["params"]}
    left = {names[id(p)] for group in adamw.param_groups for p in group["params"]}
    assert taken | left == set(names.values())
    assert all("proj" in name for name in taken)
    assert {"model.embed_tokens.weight", "lm_head.weight"} <= left
    assert not any("proj" in name for name in left)


def test_convolutions_stay_with_adamw() -> None:
    model = tiny_model("lfm2")
    adamw, _ = Optimizer([model], OptimConfig(name="muon")).optimizers
    left = {id(p) for group in adamw.param_groups for p in group["params"]}
    assert id(model.model.layers[0].conv.conv.weight) in left


def test_weight_decay_spares_vectors() -> None:
    (adamw,) = Optimizer([tiny_model()], OptimConfig(weight_decay=0.1)).optimizers
    for group in adamw.param_groups:
        assert {p.ndim < 2 for p in group["params"]} == {group["weight_decay"] == 0}
