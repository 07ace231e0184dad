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
