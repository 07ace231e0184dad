"""Tiny models of every architecture that the embedded engine runs, with random weights."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    Lfm2Config,
    Lfm2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

torch.set_num_threads(1)  # the models are so small that threads only wait for each other

VOCAB = 61
SMALL = {"vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4}
POSITIONS = {"max_position_embeddings": 512}


def make(kind: str, vocabulary: int = VOCAB) -> PreTrainedModel:
    size: dict[str, Any] = {**SMALL, **POSITIONS, "vocab_size": vocabulary}
    torch.manual_seed(0)
    model: PreTrainedModel
    if kind == "qwen3":
        model = Qwen3ForCausalLM(Qwen3Config(**size, num_hidden_layers=2, num_key_value_heads=2, head_dim=8))
    elif kind == "lfm2":
        kinds = ["conv", "full_attention", "conv"]
        model = Lfm2ForCausalLM(
            Lfm2Config(
                **size,
                num_hidden_layers=3,
                num_key_value_heads=2,
                layer_types=kinds,
                block_auto_adjust_ff_dim=False,
            )
        )
    elif kind == "llama":
        model = LlamaForCausalLM(LlamaConfig(**size, num_hidden_layers=2, num_key_value_heads=4))
    else:
        model = GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, n_embd=32, n_layer=2, n_head=4, n_positions=512))
    with torch.no_grad():
        for p in model.parameters():  # freshly initialised models are almost uniform, and would pass with wrong states
            p.mul_(4.0 if p.dim() > 1 else 1.0)
    return model.eval()


KINDS = ["qwen3", "lfm2", "llama", "gpt2"]
each_kind = pytest.mark.parametrize("kind", KINDS)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


@torch.no_grad()
def plain_logprobs(model: PreTrainedModel, context: list[int], targets: list[int], temperature: float) -> list[float]:
    logits = model(input_ids=torch.tensor([context + targets])).logits[0].float() / temperature
    rows = logits.log_softmax(-1)[len(context) - 1 : -1]
    return rows.gather(1, torch.tensor(targets)[:, None])[:, 0].tolist()
