"""Tiny models and random batches for the tests of the learner."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import GPT2Config, Lfm2Config, LlamaConfig, PreTrainedModel, Qwen3Config
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from agentrl.trainers.data import Row, SftRow

VOCAB = 32

torch.set_num_threads(1)

_COMMON: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
    "initializer_range": 0.3,
}
CONFIGS: dict[str, Any] = {
    "lfm2": lambda: Lfm2Config(
        **_COMMON, block_auto_adjust_ff_dim=False, layer_types=["conv", "full_attention"], tie_word_embeddings=True
    ),
    "qwen3": lambda: Qwen3Config(**_COMMON, head_dim=8, tie_word_embeddings=True),
    "llama": lambda: LlamaConfig(**{**_COMMON, "num_key_value_heads": 1}, tie_word_embeddings=False),
    "gpt2": lambda: GPT2Config(
        vocab_size=VOCAB, n_embd=16, n_layer=2, n_head=2, n_positions=64, initializer_range=0.3, eos_token_id=1
    ),
}


def tiny_model(family: str = "lfm2", seed: int = 0) -> PreTrainedModel:
    """Random weights with wide logits, so that errors show."""
    torch.manual_seed(seed)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(CONFIGS[family]())
    return model.eval()


def random_rows(count: int, seed: int = 0, *, longest: int = 30) -> list[Row]:
    """Rows of different lengths with action tokens strewn in, random advantages and plausible old log-probs."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        length = int(rng.integers(4, longest))
        mask = rng.random(length) < 0.5
        mask[:2] = [False, True]

        def on_mask(values: np.ndarray, mask: np.ndarray = mask) -> np.ndarray:
            return np.where(mask, values, 0).astype(np.float32)

        rows.append(
            Row(
                ids=rng.integers(2, VOCAB, length),
                mask=mask,
                logprobs=on_mask(rng.normal(-3.5, 0.5, length)),
                versions=np.zeros(length, np.int64),
                group=0,
                spans=(),
                advantages=on_mask(rng.normal(size=length)),
                returns=on_mask(rng.normal(size=length)),
                values=on_mask(rng.normal(size=length)),
            )
        )
    return rows


def random_sft_rows(count: int, seed: int = 0) -> list[SftRow]:
    """Rows with weights 0, 0.3 and 1."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(4, 30, count)
    return [
        SftRow(rng.integers(2, VOCAB, n), rng.choice([0.0, 0.3, 1.0], n, p=[0.2, 0.4, 0.4]).astype(np.float32))
        for n in lengths
    ]
