"""`agentrl bench loop` and `agentrl bench gpu`, small."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import pytest

from agentrl.cli.app import app
from agentrl.cli.errors import exit_code
from tests.conftest import require

for component in ("transformers", "aiohttp", "httpx", "fastapi"):
    require(component)

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import Qwen3Config, Qwen3ForCausalLM

from agentrl.cli.bench.device import SIZES, TURN
from agentrl.trainers.policy import logits_at


def bench(*arguments: str) -> Any:
    out = StringIO()
    with redirect_stdout(out):
        assert exit_code(app, ["bench", *arguments, "--json"]) == 0
    return json.loads(out.getvalue())


def test_speed() -> None:
    """Waiting is what takes the time, so that playing ahead pays; how much depends on the machine's load."""
    options = ("--seeds", "1", "--steps", "4", "--games", "8", "--latency-ms", "40")
    found = bench("loop", "speed", *options)["speed"]
    assert found["seeds"] == [0]
    assert found["ratio"] == [pytest.approx(found["sync"]["seconds"][0] / found["async"]["seconds"][0])]
    assert found["ratio"][0] > 1
    assert found["latency"]["p50"] > 0.04
    assert found["latency"]["p99/p50"] > 2
    for kind in ("sync", "async"):
        assert 0 < found[kind]["before"][0] < 1


def test_scale() -> None:
    found = bench("loop", "scale", "--episodes", "64", "--context", "300", "--seconds", "1.5")["scale"]
    assert found["episodes"] == 64
    assert 300 <= found["memory"]["context_tokens"] < 600
    for load in ("paced", "saturated"):
        row = found[load]
        assert row["turns_per_s"] > 1
        assert 0 < row["overhead"]["p50"] <= row["overhead"]["p99"] < 1
        assert 0 <= row["lag"]["p50"] <= row["lag"]["p99"] < 1
    waits = found["saturated"]["engine_s"] + found["saturated"]["environment_s"]
    assert found["saturated"]["turns_per_s"] < 64 / waits


def test_http() -> None:
    found = bench("loop", "http", "--episodes", "16", "--context", "200", "--seconds", "2")["http"]
    for client in ("vllm_engine", "aiohttp", "httpx"):
        assert found[client]["requests_per_s"] > 1
        assert 0 < found[client]["p50"] <= found[client]["p99"] < 2
    assert found["loop"]["turns_per_s"] > 1


def test_unknown_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(app, ["bench", "loop", "speeed"]) == 2
    assert "did you mean 'speed'" in capsys.readouterr().err


def test_gpu() -> None:
    """On a CPU, too; and the model FLOPs are those that PyTorch counts."""
    sizes = ("--sessions", "2", "--context", "256", "--generated", "8", "--rows", "2", "--repeats", "1")
    found = bench("gpu", "--size", "tiny", *sizes, "--peak-tflops", "1")
    training = found["training"]
    assert found["generation"]["tokens_per_s"] > 0
    assert training["mfu"] == pytest.approx(training["flops_per_s"] / 1e12)
    assert training["flops_per_s"] / training["tokens_per_s"] * 512 == pytest.approx(_counted(), rel=0.02)


def _counted() -> float:
    """FLOPs of forward and backward pass of those rows, whose attention PyTorch counts without the causal half."""
    model = Qwen3ForCausalLM(Qwen3Config(**SIZES["tiny"], tie_word_embeddings=True, attn_implementation="eager"))
    ids, targets = torch.zeros(2, 256, dtype=torch.int64), torch.arange(512).view(2, 256) % 256 // TURN % 2 == 1
    index = targets.flatten().nonzero()[:, 0] - 1
    with FlopCounterMode(display=False) as counter:
        logits_at(model, ids, index)[0].sum().backward()
    config = model.config
    attention = 6 * config.num_hidden_layers * config.num_attention_heads * config.head_dim * 2 * 256**2
    return counter.get_total_flops() - attention
