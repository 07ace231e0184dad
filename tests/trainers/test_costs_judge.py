"""What a run's language model that judges used is in its metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentrl.config import Price
from tests.conftest import require

for component in ("torch", "transformers", "torch.utils.tensorboard", "openai", "fastapi", "uvicorn"):
    require(component)

from agentrl.trainers.costs import run_costs
from agentrl.trainers.loop import train
from agentrl.trainers.runs import Run
from tests.fixtures.chat_server import KEY, Asked, chat_server
from tests.trainers.small import small

USAGE = {"prompt_tokens": 900, "completion_tokens": 40, "prompt_tokens_details": {"cached_tokens": 500}}
PRICE = {"input": 2.0, "cached": 1.0, "output": 10.0}


def verdict(asked: Asked) -> dict[str, Any]:
    """Points that depend on the question, so that somebody wins."""
    path = dict.fromkeys(("breadth", "relevance", "detail"), 5)
    answer = dict.fromkeys(("relevance", "feasibility", "detail", "clarity"), 5)
    better = {name: len(asked.question) % 5 for name in answer}
    return {"analysis": "", "first": {"path": path, "answer": answer}, "second": {"path": path, "answer": better}}


def test_a_run_counts_what_its_judge_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTRL_CACHE", str(tmp_path / "cache"))
    brief = {
        "warm_start": {"steps": 2},
        "rl": {"method": "arena", "steps": 1, "tasks_per_step": 2},
        "eval": {"every": 0, "test_games": 0},
        "tournament": {"greedy_first": "no"},
    }
    with chat_server(verdict) as server:
        server.usage = USAGE
        judge = {"url": server.url, "model": "judge-1", "api_key": KEY, "allow_unaudited": True, "price": PRICE}
        train(small(tmp_path / "r", brief, {"judge": judge}))
        asked = len(server.asked)
    assert asked > 0
    (row,) = [row for row in Run.open(tmp_path / "r").metrics() if "rl/success" in row]
    money = Price(**PRICE).money({"prompt_tokens": 900, "cached_tokens": 500, "completion_tokens": 40})
    assert row["judge/requests"] == asked
    assert row["judge/prompt_tokens"] == 900 * asked
    assert row["judge/money"] == pytest.approx(money * asked)
    assert row["judge/seconds"] > 0
    found = run_costs(Run.open(tmp_path / "r"))
    assert found["judge"]["completion_tokens"] == 40 * asked
    assert found["money"] == pytest.approx(money * asked)  # the policy has no price
    assert found["phases"]["RL"]["money"] is None
