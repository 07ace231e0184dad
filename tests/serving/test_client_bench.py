"""`agentrl bench serve` and `sessions`, small: their figures come out, and tell what they should."""

from __future__ import annotations

import json
import os
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require

for component in ("httptools", "websockets", "uvicorn"):
    require(component)

from agentrl.cli.app import app
from agentrl.cli.bench.serve import LOADS
from agentrl.cli.errors import exit_code

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("AGENTRL_OPENENV_PYTHON") or ROOT / ".venv-openenv/bin/python")


def bench(*arguments: str) -> Any:
    out = StringIO()
    with redirect_stdout(out):
        assert exit_code(app, ["bench", *arguments, "--json"]) == 0
    return json.loads(out.getvalue())


def test_against_openenv() -> None:
    if not PYTHON.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{PYTHON} is missing; make .venv-openenv/.done")
    result = bench("serve", "--openenv-python", str(PYTHON), "--rounds", "1", "--seconds", "0.3")
    assert [(row["sessions"], row["how"]) for row in result["loads"]] == list(LOADS)
    for row in result["loads"]:
        assert row["ratio"] == pytest.approx(row["agentrl"]["steps_per_second"] / row["openenv"]["steps_per_second"])
        for name in ("agentrl", "openenv"):
            assert 0 < row[name]["p50"] <= row[name]["p99"] < 5
    assert result["loads"][-1]["ratio"] > 2, "a batch, at least, is faster even while other tests run beside it"


def test_an_interpreter_without_openenv_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for python in ("/none/python", "/bin/false"):
        assert exit_code(app, ["bench", "serve", "--openenv-python", python]) == 2
        assert "--openenv-python" in capsys.readouterr().err


def test_memory_comes_back() -> None:
    result = bench("sessions", "ALFWorld-v0", "--live", "600", "--churn", "1000")
    assert result["sessions"] == {"live": 600, "churned": 1000}
    allowed = 40 * 2**20
    assert result["live"] - result["before"] < allowed
    assert result["churn_peak"] - result["after_live"] < allowed
    assert result["after_churn"] - result["after_live"] < allowed / 4
