"""Our server against OpenEnv's: the same environment and load on the same machine, each in a process of its own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentrl.cli.bench.servers import running, serve_command
from agentrl.errors import ConfigError, InfraError

LOADS = ((1, "socket"), (16, "socket"), (64, "socket"), (64, "batch"))
"""Sessions, and how they are stepped; see `load.py`. OpenEnv has no batches: there its sockets stand beside ours."""


def compare(openenv_python: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Put the same loads on both servers, in turns.

    Args:
        openenv_python: an interpreter with openenv.
        rounds: how often each load is put on each server.
        seconds: of each load.

    Returns:
        For each load, the medians over the rounds: `steps_per_second`, `p50`, `p99` (seconds), and their ratio.

    Raises:
        ConfigError: the interpreter has no openenv.
        InfraError: a server does not start, or a load fails.
    """
    script = Path(__file__).with_name("openenv_echo.py")
    if not openenv_python.exists() or subprocess.run([openenv_python, "-c", "import openenv"], check=False).returncode:
        raise ConfigError(
            f"{openenv_python} has no openenv: make it with `make .venv-openenv/.done` in the project's folder, or "
            "name an interpreter that has it with --openenv-python PATH"
        )
    taken: defaultdict[tuple[str, int, str], list[dict[str, float]]] = defaultdict(list)
    with (
        running(serve_command("agentrl.cli.bench.echo:BenchEcho-v0")) as (ours, _),
        running([str(openenv_python), str(script)]) as (theirs, _),
    ):
        for _ in range(rounds):
            for sessions, how in LOADS:
                taken["agentrl", sessions, how].append(_load(ours, sessions, seconds, how))
                if how == "socket":
                    taken["openenv", sessions, how].append(_load(theirs, sessions, seconds, how))
    rows = []
    for sessions, how in LOADS:
        mine, other = _median(taken["agentrl", sessions, how]), _median(taken["openenv", sessions, "socket"])
        ratio = mine["steps_per_second"] / other["steps_per_second"]
        rows.append({"sessions": sessions, "how": how, "agentrl": mine, "openenv": other, "ratio": ratio})
    return {"env": "BenchEcho-v0", "against": "openenv", "rounds": rounds, "seconds": seconds, "loads": rows}


def _median(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}


def _load(url: str, sessions: int, seconds: float, how: str) -> dict[str, float]:
    command = [sys.executable, "-m", "agentrl.cli.bench.load", url, str(sessions), str(seconds), how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InfraError(f"the load on {url} failed: {done.stderr.strip().rpartition(chr(10))[2]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found
