"""Speed of embedded engine and learner on one device."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from agentrl.agents.embedded import EmbeddedEngine
from agentrl.agents.weights import cast_weights
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.trainers.data import Row
from agentrl.trainers.learner import Learner, LearnerOptions
from agentrl.trainers.loss_spec import LossSpec
from agentrl.types import SamplingParams

SIZES: dict[str, dict[str, int]] = {
    "0.5b": {
        "vocab_size": 65_536,
        "hidden_size": 1024,
        "intermediate_size": 3072,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
    },
    "tiny": {
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
    },
}
"""The layers of Qwen3-0.6B with a smaller vocabulary: 0.51 billion parameters; and something for a CPU."""

PEAKS = (
    ("B200", 2250e12),
    ("H200", 989e12),
    ("H100 PCIe", 756e12),
    ("H100 NVL", 835e12),
    ("H100", 989e12),
    ("A100", 312e12),
    ("L40S", 362e12),
    ("RTX 4090", 165e12),
    ("A10G", 70e12),
    ("A10", 125e12),
    ("L4", 121e12),
)
"""FLOP/s in bfloat16 without sparsity, from data sheets, by a part of the device's name; the first that fits."""
TURN = 128
"""Tokens of an observation, and of an action, in the rows that are trained."""


def measure(
    size: str,
    sessions: int,
    context: int,
    generated: int,
    rows: int,
    microbatch: int,
    repeats: int,
    peak: float,
) -> dict[str, Any]:
    """Generate and train in turns of their own; medians.

    Returns:
        Tokens per second of `generation` (prompts, and what is sampled, apart) and `training` (all tokens of the rows,
        of which every other turn is an action). `mfu` is the model FLOP utilisation `training_flops / seconds / peak`,
        None where the peak is not known.

    Raises:
        UnknownNameError: there is no such size.
        ConfigError: there is no CUDA device for the large one, or no room for a prompt.
    """
    if size not in SIZES:
        raise UnknownNameError("size", size, SIZES)
    cuda = torch.cuda.is_available()
    if not cuda and size != "tiny":
        raise ConfigError(f"no CUDA device for a model of {size}: on a CPU, choose --size tiny")
    if generated >= context:
        raise ConfigError(f"--generated {generated} leaves no room for a prompt in a --context of {context}")
    device = torch.device("cuda" if cuda else "cpu")
    name = torch.cuda.get_device_name() if cuda else "CPU"
    peak = peak or next((flops for part, flops in PEAKS if part in name), 0.0)
    torch.manual_seed(0)
    shape: dict[str, Any] = {**SIZES[size], "max_position_embeddings": context, "tie_word_embeddings": True}
    with device:
        model = Qwen3ForCausalLM(Qwen3Config(**shape)).eval()
    cast_weights(model, torch.bfloat16)
    engine = EmbeddedEngine(model)
    generation = asyncio.run(_generate(engine, sessions, context, generated, repeats))
    del engine  # and with it the keys and values of all sessions
    torch.cuda.empty_cache()
    batch = _rows(rows, context, shape["vocab_size"])
    seconds = _train(model, batch, microbatch, repeats)
    flops = training_flops(model, batch)
    return {
        "device": name,
        "cuda": cuda,
        "size": size,
        "parameters": model.num_parameters(),
        "sessions": sessions,
        "context": context,
        "generation": generation,
        "training": {
            "tokens_per_s": rows * context / seconds,
            "flops_per_s": flops / seconds,
            "peak_flops_per_s": peak or None,
            "mfu": flops / seconds / peak if peak else None,
        },
    }


def training_flops(model: PreTrainedModel, rows: Sequence[Row]) -> float:
    """Floating-point operations that one step on these rows needs, forward and backward, nothing computed twice.

        6 · N · tokens + 6 · V · H · targets + 6 · layers · heads · head_dim · Σ L²

    N are the parameters without embeddings and output layer. The output layer (V × H) is computed before the trained
    tokens (targets) only. Causal attention takes 2 · heads · head_dim · L² in the forward pass of each layer for a row
    of L tokens, twice that in the backward pass.
    """
    config: Any = model.config
    ends: Any = model.get_input_embeddings(), model.get_output_embeddings()
    edges = {p for end in ends for p in end.parameters()}  # one where they are tied
    body = sum(p.numel() for p in model.parameters() if p not in edges)
    lengths = [len(row) for row in rows]
    targets = sum(int(row.mask.sum()) for row in rows)
    attention = config.num_hidden_layers * config.num_attention_heads * config.head_dim * sum(n * n for n in lengths)
    return 6 * float(body * sum(lengths) + config.vocab_size * config.hidden_size * targets + attention)


async def _generate(
    engine: EmbeddedEngine, sessions: int, context: int, generated: int, repeats: int
) -> dict[str, float]:
    """Prompts are read to their first sampled token; then all sample the rest together."""
    speeds: dict[str, list[float]] = {"prompt_tokens_per_s": [], "tokens_per_s": []}
    rng = np.random.default_rng(0)
    vocabulary: int = engine.model.config.vocab_size

    async def sample(prompts: list[list[int]], tokens: int) -> tuple[list[list[int]], float]:
        begun = time.perf_counter()
        params = SamplingParams(max_tokens=tokens)
        done = await asyncio.gather(*(engine.generate(p, params, str(i)) for i, p in enumerate(prompts)))
        seconds = time.perf_counter() - begun
        return [[*p, *completion.token_ids] for p, completion in zip(prompts, done, strict=True)], seconds

    for repeat in range(repeats + 1):
        prompts = rng.integers(vocabulary, size=(sessions, context - generated)).tolist()
        read, reading = await sample(prompts, 1)
        _, sampling = await sample(read, generated - 1)
        for number in range(sessions):
            engine.release(str(number))
        if repeat:  # the first allocates
            speeds["prompt_tokens_per_s"].append(sessions * (context - generated) / reading)
            speeds["tokens_per_s"].append(sessions * (generated - 1) / sampling)
    return {name: statistics.median(values) for name, values in speeds.items()}


def _train(model: PreTrainedModel, rows: list[Row], microbatch: int, repeats: int) -> float:
    """Seconds of one optimiser step."""
    learner = Learner(model, LearnerOptions(micro_batch_tokens=microbatch, dtype="bfloat16"))
    taken = [learner.update(rows, LossSpec())["seconds"] for _ in range(repeats + 1)]
    return statistics.median(taken[1:])  # the first allocates


def _rows(count: int, length: int, vocabulary: int) -> list[Row]:
    rng = np.random.default_rng(0)
    mask = np.arange(length) // TURN % 2 == 1
    mask[-1] = True  # also where there is room for one turn only
    return [
        Row(
            ids=rng.integers(vocabulary, size=length),
            mask=mask,
            logprobs=np.where(mask, -np.log(vocabulary), 0).astype(np.float32),
            versions=np.zeros(length, np.int64),
            group=0,
            spans=(),
            advantages=(rng.choice([-1, 1], length) * mask).astype(np.float32),
        )
        for _ in range(count)
    ]
