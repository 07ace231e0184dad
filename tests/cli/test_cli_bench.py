"""`agentrl bench`, small: every figure of the README comes out of its command."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import pytest

from agentrl.cli.app import app
from agentrl.cli.errors import exit_code
from tests.conftest import require

for component in ("transformers", "alfworld"):
    require(component)

import torch

TINY = [f"model.{name}={size}" for name, size in (("hidden_size", 32), ("intermediate_size", 32), ("layers", 2))]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def bench(*arguments: str) -> Any:
    out = StringIO()
    with redirect_stdout(out):
        assert exit_code(app, ["bench", *arguments, "--json"]) == 0
    return json.loads(out.getvalue())


def tiny(*more: str) -> list[str]:
    return [word for change in (*TINY, *more) for word in ("--set", change)]


def test_env() -> None:
    result = bench("env", "ALFWorld-v0", "--against", "alfworld", "--games", "2", "--steps", "2")
    assert result["step"]["ratio"] > 500
    assert result["reset"]["ratio"] > 500


def test_env_alone() -> None:
    result = bench("env", "SearchQA-v0", "--games", "20", "--steps", "5")
    assert result["env"] == "SearchQA-v0"
    assert result["step"]["count"] <= 2 * 20 * 5
    assert result["reset, new task"]["count"] == result["reset, known task"]["count"] == 20
    assert result["step"]["median"] < 5e-4, "2,000 steps/s"


def test_rollout() -> None:
    result = bench("rollout", "--games", "2", "--group", "2", *tiny("env.max_turns=3"))
    assert result["ratio"] == pytest.approx(
        result["agentrl"]["tokens_per_second"] / result["plain"]["tokens_per_second"]
    )


@pytest.mark.parametrize("schedule", ["constant", "linear"])
def test_train(schedule: str) -> None:
    changes = tiny("rl.max_turns=3", f"rl.optim.schedule={schedule}")
    result = bench("train", "--games", "2", "--group", "2", "--repeats", "1", *changes)
    assert result["rows"] == 4
    assert result["share"] == pytest.approx(result["ragged_tokens_per_second"] / result["ideal_tokens_per_second"])
    assert all(0.2 < ratio < 5 for ratio in result["correction_cost"].values())
