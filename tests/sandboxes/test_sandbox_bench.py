"""`agentrl bench sandbox` measures what it says, and is quick where it claims to be."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from agentrl.cli.app import app
from tests.sandboxes.conftest import IMAGE, provider_of


def test_the_channel_is_quicker_than_docker_exec(runner: object) -> None:
    provider_of("docker")[0].client.close()  # type: ignore[attr-defined]
    provider_of("process")
    done = CliRunner().invoke(
        app,
        ["bench", "sandbox", "--image", IMAGE, "--rounds", "2", "--commands", "5", "--json"],
        catch_exceptions=False,
    )
    result = json.loads(done.stdout)
    assert {who: set(rows) for who, rows in result.items()} == {
        "floor": {"cold start", "command", "commit"},
        "docker": {"cold start", "warm acquire", "command", "fork", "fork, cold"},
        "process": {"cold start", "warm acquire", "command", "fork", "fork, cold"},
    }
    assert result["docker"]["command"]["count"] == 10
    assert all(0 < row["p50"] <= row["p99"] for rows in result.values() for row in rows.values())
    assert result["docker"]["command"]["p50"] < result["floor"]["command"]["p50"] / 3
    assert result["docker"]["warm acquire"]["p50"] < result["floor"]["cold start"]["p50"] / 3


def test_an_unknown_baseline_is_refused() -> None:
    done = CliRunner().invoke(app, ["bench", "sandbox", "--against", "swere"])
    assert done.exit_code != 0
    with pytest.raises(Exception, match="swerex"):
        raise done.exception or AssertionError
