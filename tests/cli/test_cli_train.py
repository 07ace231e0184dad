"""`agentrl train` as a user runs it, small: from nothing to a report; evaluated, watched; interrupted, resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from agentrl.cli.app import app
from agentrl.cli.errors import exit_code
from agentrl.trainers.runs import Run
from tests.conftest import require

for component in ("torch.utils.tensorboard", "transformers", "matplotlib", "alfworld"):
    require(component)

SMALL = {
    "warm_start.demonstrations": 16,
    "warm_start.steps": 4,
    "warm_start.batch_tokens": 500,
    "rl.steps": 3,
    "rl.tasks_per_step": 2,
    "rl.group_size": 2,
    "run.checkpoint_every": 1,
    "eval.every": 2,
    "eval.valid_games": 2,
    "eval.test_games": 2,
    "env.max_turns": 10,
    "model.hidden_size": 32,
    "model.intermediate_size": 32,
    "model.layers": 2,
    "model.heads": 2,
    "engine.processes": 1,
    "engine.price.input": 2.0,
    "engine.price.cached": 0.5,
    "engine.price.output": 10.0,
}


def small(path: Path, **more: object) -> list[str]:
    """Arguments of a run that takes seconds."""
    settings = {**SMALL, "run.dir": path, **more}
    return ["train", *(word for key, value in settings.items() for word in ("--set", f"{key}={value}"))]


def cli(*arguments: str) -> str:
    """Run a command in this process; returns what it printed."""
    out = StringIO()
    with redirect_stdout(out):
        assert exit_code(app, arguments) == 0
    return out.getvalue()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("runs") / "r"
    return path, cli(*small(path))


def test_what_the_run_cost(finished: tuple[Path, str]) -> None:
    path, _ = finished
    found, rows = json.loads(cli("cost", str(path), "--json")), Run.open(path).metrics()
    phases = found["phases"]
    for name, group in (("RL", "rl"), ("validation", "valid"), ("test", "test")):
        for what in ("prompt_tokens", "cached_tokens", "money"):
            assert phases[name][what] == pytest.approx(sum(row.get(f"{group}/{what}", 0) for row in rows)), (name, what)
        fresh = phases[name]["prompt_tokens"] - phases[name]["cached_tokens"]
        paid = fresh * 2.0 + phases[name]["cached_tokens"] * 0.5 + phases[name]["completion_tokens"] * 10.0
        assert phases[name]["money"] == pytest.approx(paid / 1e6)
        assert phases[name]["engine_s"] > 0
    assert phases["RL"]["completion_tokens"] == sum(row.get("rl/generated_tokens", 0) for row in rows)
    assert phases["test"]["episodes"] == 4  # two games, before and after RL
    summary = Run.open(path).summary()
    assert summary is not None
    assert sum(found["trained_tokens"].values()) == summary["tokens"]["trained"]
    assert found["missing"] == []


def test_what_the_run_would_have_cost(finished: tuple[Path, str]) -> None:
    path, _ = finished
    tokens = json.loads(cli("cost", str(path), "--price-in", "0", "--price-out", "1000000", "--json"))["phases"]["RL"]
    assert tokens["money"] == pytest.approx(tokens["completion_tokens"])
    shown = cli("cost", str(path))
    for words in ("RL", "validation", "test, episode", "dollars in all", "trained tokens  warm start"):
        assert words in shown


def test_training_ends_with_a_model_a_report_and_what_to_do_next(finished: tuple[Path, str]) -> None:
    path, out = finished
    assert "before RL" in out
    assert str(path / "report.html") in out
    assert f"agentrl play ALFWorld-v0 --split test_unseen --agent {path}" in out
    run = Run.open(path)
    summary = run.summary()
    assert summary is not None
    assert {"success_before", "success_after", "wall_s", "tokens", "episodes"} <= set(summary)
    assert (path / "report.html").stat().st_size < 1_000_000
    assert len(run.rollout_steps()) == 3
    groups = list(run.rollouts(run.rollout_steps()[-1]))
    assert len(groups) == 2
    for group, advantages in groups:
        assert advantages is not None
        for turn, advantage in zip(group.turns, advantages, strict=True):
            assert len(turn.action_ids) == len(turn.logprobs) == len(list(advantage)) > 0  # type: ignore[arg-type]


def test_the_result_is_evaluated_and_played(finished: tuple[Path, str]) -> None:
    path, _ = finished
    result = json.loads(cli("eval", str(path), "--games", "2", "--json"))
    assert result["episodes"] == 2
    assert 0 <= result["success"] <= 1
    watched = cli("play", "--agent", str(path), "--delay", "0", "--split", "valid_seen", "--max-turns", "2")
    assert "task valid_seen/" in watched
    assert watched.count("\n> ") <= 2


def test_ctrl_c_leaves_a_run_that_resumes(tmp_path: Path) -> None:
    path = tmp_path / "r"
    command = [sys.executable, "-c", "from agentrl.cli import main; main()"]
    arguments = small(path, **{"rl.steps": 10_000, "eval.every": 0})
    process = subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells ignore it for what runs behind them
    )
    deadline = time.monotonic() + 200
    while not list((path / "rollouts").glob("step-*")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert err.splitlines()[-1] == f"agentrl: interrupted; continue with: agentrl train --resume {path}"
    assert "Traceback" not in err
    done = int(Run.open(path).checkpoints()[-1].name[5:])
    cli("train", "--resume", str(path), "--set", f"rl.steps={done + 1 - SMALL['warm_start.steps']}")
    steps = [row["step"] for row in Run.open(path).metrics() if "rl/success" in row]
    assert steps == list(range(5, done + 2))
