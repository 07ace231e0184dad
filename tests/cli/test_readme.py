"""What the README shows works as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentrl.cli.app import app
from agentrl.cli.errors import exit_code
from tests.conftest import require

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted({" ".join(m.split()) for m in re.findall(r"`agentrl ([a-z]+(?: [a-z]+)?)", README)})


def test_the_script_plays_an_episode() -> None:
    require("alfworld")
    (script,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert script.count("\n") <= 10
    played = subprocess.run([sys.executable, "-c", script], input="look\n" * 50, capture_output=True, text=True)
    assert played.returncode == 0, played.stderr
    assert "Your task is to:" in played.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(app, [*command.split(), "--help"]) == 0
    capsys.readouterr()


def test_the_command_table_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code(app, ["--help"])
    listed = set(re.findall(r"^│ (\w+) +\w", capsys.readouterr().out, re.MULTILINE))
    assert listed
    assert listed <= set(re.findall(r"agentrl (\w+)", README))
