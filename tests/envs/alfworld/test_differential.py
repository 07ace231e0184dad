"""Our engine against the original, on a sample; `python -m agentrl.envs.text.alfworld.differential` does hundreds."""

from __future__ import annotations

import pytest

from tests.conftest import require

require("alfworld.agents.environment.alfred_tw_env")

from agentrl.envs.text.alfworld.differential import compare_task, main
from agentrl.envs.text.alfworld.engine import Engine

SAMPLE = [
    ("train/6", "as generated"),
    ("train/7", "rough facts"),
    ("train/8", "grammar of 2.1.1"),
    ("test_unseen/9", "grammar of 2.1.2"),
    ("test_unseen/10", "as generated"),
    ("test_unseen/11", "rough facts"),
]
"""All six task types; the unseen scenes are one of each kind of room."""


@pytest.mark.parametrize(("task_id", "variant"), SAMPLE)
def test_no_difference(task_id: str, variant: str) -> None:
    report = compare_task(task_id, variant)
    assert report.differences == []
    assert sum(report.steps.values()) > 50


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    close = Engine._close
    monkeypatch.setattr(Engine, "_close", lambda *args: close(*args).replace("You", "you"))
    monkeypatch.setattr(Engine, "plan", lambda *_: ["go to fridge 1", "open fridge 1", "close fridge 1"])
    report = compare_task("train/3", walks=0)
    assert "original 'You close the fridge 1.', ours 'you close the fridge 1.'" in report.differences[0]
    assert "the oracle does not win" in report.differences[1]


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--games", "1", "--processes", "1"]) == 0
    assert "0 differences" in capsys.readouterr().out
