"""The examples of PROTOCOL.md work as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import require

require("httptools")
require("msgspec")
require("uvicorn")
require("alfworld")

from agentrl.envs.serving.remote import RemoteEnv
from agentrl.envs.serving.server.refusal import STATUS
from tests.serving.conftest import Server

PAGE = (Path(__file__).parents[2] / "envs/serving/PROTOCOL.md").read_text(encoding="utf-8")
CLIENT, ENVIRONMENT = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_foreign_client_plays(server: Callable[..., Server]) -> None:
    assert CLIENT.count("\n") <= 20
    assert "import agentrl" not in CLIENT
    script = CLIENT.replace("ws://127.0.0.1:8000", server("ALFWorld-v0").url.replace("http", "ws"))
    played = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert played.returncode == 0, played.stderr
    assert "Your task is to:" in played.stdout
    assert "'status': " in played.stdout.splitlines()[-1]


def test_the_environment_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Callable[..., Server]
) -> None:
    assert len([line for line in ENVIRONMENT.splitlines() if line.strip()]) <= 10
    (tmp_path / "my_module.py").write_text(ENVIRONMENT, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    env = RemoteEnv("Dice-v0", server("my_module:Dice-v0").url)
    rewards = []
    for _ in range(50):
        env.reset()
        rolled, reward, terminated, _, _ = env.step(3)
        assert terminated
        assert reward == (rolled == 3)
        rewards.append(reward)
    assert 0 < sum(rewards) < 50
    env.close()


def test_every_status_is_in_the_table() -> None:
    listed = {code: int(status) for status, code in re.findall(r"^\| (\d{3}) \| `(\w+)`", PAGE, re.MULTILINE)}
    assert listed == STATUS
