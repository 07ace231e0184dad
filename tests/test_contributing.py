"""The examples of CONTRIBUTING.md work as they stand there."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import numpy as np
import pytest

from agentrl.envs.check import check
from agentrl.errors import ConfigError
from agentrl.trainers.credit import Credit, Rollout
from agentrl.types import Outcome, Task, Turn
from tests.conftest import require

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
METHOD_PAGE = PAGE.parent / "docs" / "write-your-own-credit.md"
(METHOD,) = re.findall(r"```python\n(.*?)```", METHOD_PAGE.read_text(encoding="utf-8"), re.DOTALL)
ENVIRONMENT, CREDIT = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_environment_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "guess.py").write_text(ENVIRONMENT, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    report = check("guess:Guess-v0")
    assert report.passed, str(report)


def test_the_environment_is_as_short_as_promised() -> None:
    lines = [line for line in ENVIRONMENT.splitlines() if line.strip()]
    assert len(lines) < 40


def test_the_credit_fills_the_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "median_baseline.py").write_text(CREDIT, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    median: Credit = importlib.import_module("median_baseline").MedianBaseline()
    turn = Turn(None, [1], [2], [0.0], [0], "you see", "look", {}, Outcome.running())
    rewards = ([0.0, 0.0], [0.0], [0.0, 1.0])
    group = [Rollout(Task("X-v0", "0"), (turn,) * len(r), np.array(r), np.array(r)) for r in rewards]
    (advantages,) = median([group])
    assert [a.tolist() for a in advantages] == [[0.0, 0.0], [0.0], [1.0, 1.0]]
    assert median([[]]) == [[]]


def test_a_method_of_ones_own_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require("torch")
    require("tensorboard")
    from agentrl.trainers.loop import train
    from agentrl.trainers.methods import METHODS, get_method
    from tests.trainers.small import small

    (tmp_path / "togo.py").write_text(METHOD, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert len([line for line in METHOD.splitlines() if line.strip()]) < 60
    method = get_method("togo:togo", {"gamma": 0.5})
    turn = Turn(None, [1], [2], [0.0], [0], "you see", "look", {}, Outcome.running())
    rewards = ([0.0, 1.0], [1.0], [0.0, 0.0])
    group = [Rollout(Task("X-v0", "0"), (turn,) * len(r), np.array(r), np.array(r)) for r in rewards]
    # returns to go with γ = ½: (½, 1), (1), (0, 0); means ½ at the first turn, ½ at the second
    assert [a.tolist() for a in method.credit([group])[0]] == [[0.0, 0.5], [0.5], [-0.5, -0.5]]
    assert get_method("igpo", credit="togo:togo").credit == get_method("togo:togo").credit
    with pytest.raises(ConfigError, match="No module named 'nowhere'"):
        get_method("nowhere:togo")
    summary = train(small(tmp_path / "run", {"rl": {"method": "togo:togo"}}))
    assert summary["success_after"] is not None
    del METHODS["togo"]


def test_the_page_names_files_that_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:agentrl|agents|envs|trainers|tests)/[\w/]+\.py)", text):
        assert (PAGE.parent / name).is_file(), name
    for code in (ENVIRONMENT, CREDIT):
        ast.parse(code)
