"""`agentrl bench web`, in a real Chromium."""

from __future__ import annotations

import json
import sys

import pytest

from agentrl.cli.app import app
from agentrl.cli.errors import exit_code
from tests.conftest import require, require_chromium

require("playwright")


require_chromium()


def test_it_measures_one_session_and_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(app, ["bench", "web", "--episodes", "2", "--sessions", "2", "--json"]) == 0
    alone, both = json.loads(capsys.readouterr().out)
    assert (alone["sessions"], both["sessions"]) == (1, 2)
    for row in (alone, both):
        assert row["memory_mib"] > 1
        for what in ("reset", "step", "picture"):
            assert 0 < row[what]["p50"] <= row[what]["p99"]


def test_a_comparison_needs_browsergym(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", "web", "--against", "browsergym", "--browsergym-python", sys.executable]
    assert exit_code(app, command) != 0
    assert "make .venv-browsergym/.done" in capsys.readouterr().err
    assert exit_code(app, ["bench", "web", "--against", "selenium"]) != 0
    assert "browsergym" in capsys.readouterr().err
