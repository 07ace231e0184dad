"""The run folder is complete at every moment."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from agentrl.errors import ConfigError, CorruptFileError
from agentrl.trainers.runs import Run, RunWriter, free_run_dir
from agentrl.types import Group, Outcome, Task, Turn
from tests.conftest import require

require("torch.utils.tensorboard")


def group(task: str = "t") -> Group:
    return Group(Task("E-v0", task), [Turn(None, [1], [2], [-0.5], [0], "o", "a", {"outcome": 1.0}, Outcome.running())])


def checkpoint(run: RunWriter, step: int) -> None:
    """As `agentrl.trainers.checkpoint` leaves it when it is killed during the next one."""
    (run.path / "checkpoints" / f"step-{step:06d}").mkdir(parents=True)
    (run.path / "checkpoints" / f".step-{step + 1:06d}.partial").mkdir()


def test_everything_written_can_be_read(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "r", 'seed = 3\n[run]\nname = "x"\n') as writer:
        writer.log(1, {"rl/reward": 0.5, "rl/loss": math.nan})
        writer.log(2, {"rl/reward": 0.75})
        writer.save_rollouts(1, [group("a"), group("b")], [[0.5], [-0.5]])
        checkpoint(writer, 1)
        writer.write_summary({"success_after": 0.5})
    run = Run.open(tmp_path / "r")
    assert run.config() == {"seed": 3, "run": {"name": "x"}}
    rows = run.metrics()
    assert [(r["step"], r["rl/reward"]) for r in rows] == [(1, 0.5), (2, 0.75)]
    assert rows[0]["rl/loss"] is None
    assert 0 <= rows[0]["seconds"] <= rows[1]["seconds"]
    assert run.rollout_steps() == [1]
    assert [(g.task.task_id, a) for g, a in run.rollouts(1)] == [("a", [0.5]), ("b", [-0.5])]
    assert [c.name for c in run.checkpoints()] == ["step-000001"]
    assert run.summary() == {"success_after": 0.5}
    assert list((tmp_path / "r" / "tensorboard").glob("events.*"))


def test_tensorboard_has_the_numbers(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with RunWriter.create(tmp_path / "r", "") as writer:
        writer.log(4, {"rl/reward": 0.5})
    events = EventAccumulator(str(tmp_path / "r" / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("rl/reward")] == [(4, 0.5)]


def test_an_empty_run_can_be_read(tmp_path: Path) -> None:
    RunWriter.create(tmp_path / "r", "").close()
    run = Run.open(tmp_path / "r")
    assert (run.metrics(), run.rollout_steps(), run.checkpoints(), run.summary()) == ([], [], [], None)
    with pytest.raises(ConfigError, match=r"step-000007.* does not exist"):
        run.rollouts(7)


def test_resume_removes_what_is_younger_than_the_checkpoint(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "r", "") as writer:
        for step in (1, 2, 3):
            writer.log(step, {"x": step})
            writer.save_rollouts(step, [group()])
            checkpoint(writer, step)
        writer.write_summary({})
    with RunWriter.resume(tmp_path / "r", step=2, rows=2) as writer:
        assert [r["step"] for r in writer.metrics()] == [1, 2]
        assert writer.rollout_steps() == [1, 2]
        assert len(writer.checkpoints()) == 2
        assert writer.summary() is None
        writer.log(3, {"x": 33})
        assert [r["x"] for r in writer.metrics()] == [1, 2, 33]
        seconds = [r["seconds"] for r in writer.metrics()]
        assert seconds == sorted(seconds)


def test_without_a_checkpoint_the_run_starts_anew(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "r", "") as writer:
        writer.log(0, {"x": 1})
        writer.save_rollouts(1, [group()])
    with RunWriter.resume(tmp_path / "r", step=0, rows=0) as writer:
        assert writer.metrics() == []
        assert writer.rollout_steps() == []


def test_a_torn_last_line_is_ignored_and_cut_by_resume(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "r", "") as writer:
        writer.log(1, {"x": 1})
    metrics = tmp_path / "r" / "metrics.jsonl"
    with metrics.open("a") as file:
        file.write('{"step":2,"seco')
    assert len(Run.open(tmp_path / "r").metrics()) == 1
    RunWriter.resume(tmp_path / "r", step=5, rows=5).close()
    assert metrics.read_text().count("\n") == 1
    assert metrics.read_text().endswith("\n")


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    RunWriter.create(tmp_path / "r", "").close()
    (tmp_path / "r" / "metrics.jsonl").write_text('{"step":1}\nrubbish\n{"step":3}\n')
    with pytest.raises(CorruptFileError, match=r"metrics\.jsonl: line 2"):
        Run.open(tmp_path / "r").metrics()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a run folder"):
        Run.open(tmp_path)
    with pytest.raises(ConfigError, match="not a run folder"):
        RunWriter.resume(tmp_path / "none", step=0, rows=0)


def test_an_existing_run_is_not_overwritten(tmp_path: Path) -> None:
    RunWriter.create(tmp_path / "r", "").close()
    with pytest.raises(ConfigError, match=r"--resume .*run\.dir"):
        RunWriter.create(tmp_path / "r", "")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("…")
    with pytest.raises(ConfigError, match="no empty folder"):
        RunWriter.create(tmp_path / "other", "")


def test_two_writers_exclude_each_other(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "r", ""), pytest.raises(ConfigError, match=f"process {os.getpid()}"):
        RunWriter.resume(tmp_path / "r", step=0, rows=0)
    RunWriter.resume(tmp_path / "r", step=0, rows=0).close()


def test_the_next_free_folder(tmp_path: Path) -> None:
    (tmp_path / "run-001").mkdir()
    assert free_run_dir("run", tmp_path) == tmp_path / "run-002"


KILLED = """
    import itertools, sys
    from agentrl.trainers.runs import RunWriter
    from agentrl.types import Group, Outcome, Task, Turn
    turn = Turn(None, [1] * 500, [2], [-0.5], [0], "o" * 9000, "a", {}, Outcome.running())
    with RunWriter.create(sys.argv[1], "") as run:
        for step in itertools.count(1):
            run.log(step, {f"group/name_{i}": step * 1.1 for i in range(50)})
            run.save_rollouts(step, [Group(Task("E-v0", "t"), [turn])] * 9, [[1.0]] * 9)
            print(step, flush=True)
"""


def test_kill_9_leaves_a_readable_run(tmp_path: Path) -> None:
    """Killed at an arbitrary point of a loop that only writes, several times over."""
    for attempt in range(2):
        path = tmp_path / f"r{attempt}"
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(KILLED), str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if int(line) == 5 + 7 * attempt:
                    break
            process.send_signal(signal.SIGKILL)
        run = Run.open(path)
        assert len(run.metrics()) >= 5
        for step in run.rollout_steps():
            assert len(list(run.rollouts(step))) == 9
        last = run.rollout_steps()[-1] - 2
        with RunWriter.resume(path, last, last) as writer:  # the lock died with the process
            assert [r["step"] for r in writer.metrics()] == list(range(1, last + 1))
            assert writer.rollout_steps() == list(range(1, last + 1))
