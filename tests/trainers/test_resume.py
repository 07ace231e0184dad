"""A run that is killed and resumed ends with the metrics of one that never stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require

torch = require("torch")
require("transformers")
require("torch.utils.tensorboard")

from agentrl.trainers.loop import train
from agentrl.trainers.runs import Run
from agentrl.trainers.stage import INFLIGHT, Stage
from tests.trainers.small import ROOT, results, small

WARM_STEPS = 60
CHANGES: dict[str, Any] = {
    "warm_start": {"steps": WARM_STEPS},
    "rl": {"steps": 4, "method": "dapo", "mini_batches": 2, "rewards": {"outcome": 1.0, "progress": 0.3}},
}
CRITIC: dict[str, Any] = {"rl": {"method": "ppo", "critic": "copy", "epochs": 2}}
ADAPTERS: dict[str, Any] = {
    "model": {"lora_rank": 2},
    "rl": {"method": "grpo", "overrides": {"kl": "k3", "kl_in": "loss", "kl_coef": 0.05}},
}
TWO: dict[str, Any] = {"engine": {"processes": 2}}
LEAVES: dict[str, Any] = {
    "rl": {"method": "latr"},
    "lookahead": {"overrides": {"tau_abs": 0.02, "tau_rel": 0.95, "lookahead": [2, 3]}},
}
BRANCHES: dict[str, Any] = {"lookahead": {"level": "turn"}}

KILLED = """
    import json, os, signal, sys
    from pathlib import Path
    from agentrl.trainers.loop import train
    from agentrl.trainers.runs import RunWriter
    from tests.trainers.small import small

    def log(run, step, values):
        written(run, step, values)
        if step == int(sys.argv[2]) and sys.argv[3] in values:
            os.kill(os.getpid(), signal.SIGKILL)

    written, RunWriter.log = RunWriter.log, log
    train(small(Path(sys.argv[1]), *json.loads(sys.argv[4])))
"""


def killed(path: Path, step: int, metric: str, *changes: dict[str, Any]) -> None:
    """Begin a run that is killed right after it has written `metric` of `step`, before the checkpoint of that step."""
    program = [sys.executable, "-c", textwrap.dedent(KILLED), str(path), str(step), metric, json.dumps(changes)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(
    ("step", "metric", "changes"),
    [
        (0, "demonstrations/success", []),
        (WARM_STEPS - 10, "warm_start/loss", []),
        (WARM_STEPS, "warm_start/loss", []),
        (WARM_STEPS, "test/success", []),
        (WARM_STEPS + 2, "rl/success", []),
        (WARM_STEPS + 3, "rl/success", [{"run": {"checkpoint_every": 2}}]),
        (WARM_STEPS + 4, "test/success", []),
        (WARM_STEPS + 3, "rl/success", [CRITIC]),
        (WARM_STEPS + 3, "rl/success", [ADAPTERS]),
        (WARM_STEPS + 3, "rl/success", [LEAVES]),
        (WARM_STEPS + 3, "rl/success", [BRANCHES]),
        (WARM_STEPS, "warm_start/loss", [TWO]),
        (WARM_STEPS + 3, "rl/success", [TWO]),
    ],
    ids=lambda value: (
        "-".join(f"{table}.{key}" for c in value for table in c for key in c[table])
        if isinstance(value, list)
        else str(value)
    ),
)
def test_a_killed_run_ends_like_one_that_never_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, metric: str, changes: list[dict[str, Any]]
) -> None:
    monkeypatch.syspath_prepend(ROOT)
    threads = torch.get_num_threads()
    changes = [CHANGES, *changes]
    if ADAPTERS in changes:
        require("peft")
    whole = train(small(tmp_path / "whole", *changes))
    killed(tmp_path / "killed", step, metric, *changes)
    assert Run.open(tmp_path / "killed").summary() is None
    resumed = train(small(tmp_path / "killed", *changes), resume=tmp_path / "killed")
    torch.set_num_threads(threads)
    assert results(tmp_path / "killed") == results(tmp_path / "whole")
    same = ("success_before", "success_after", "tokens", "episodes")
    assert {name: resumed[name] for name in same} == {name: whole[name] for name in same}
    assert Run.open(tmp_path / "killed").rollout_steps() == Run.open(tmp_path / "whole").rollout_steps()


def test_a_finished_run_goes_on_when_asked_for_more(tmp_path: Path) -> None:
    first = train(small(tmp_path / "r", CHANGES))
    again = train(small(tmp_path / "r", CHANGES), resume=tmp_path / "r")
    assert again == first | {"wall_s": again["wall_s"]}
    more = train(small(tmp_path / "r", CHANGES, {"rl": {"steps": 6}}), resume=tmp_path / "r")
    rows = Run.open(tmp_path / "r").metrics()
    assert [row["step"] - WARM_STEPS for row in rows if "rl/success" in row] == [1, 2, 3, 4, 5, 6]
    assert more["success_before"] == first["success_before"]
    assert more["episodes"]["rl"] == first["episodes"]["rl"] * 6 // 4


def test_what_was_in_flight_goes_though_the_run_died_right_after_its_last_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"warm_start": {"steps": 10}, "rl": {"steps": 1}}
    forget = Stage.forget

    def dies(self: Stage, below: int) -> None:
        if below:
            raise KeyboardInterrupt
        forget(self, below)

    monkeypatch.setattr(Stage, "forget", dies)
    with pytest.raises(KeyboardInterrupt):
        train(small(tmp_path / "r", few))
    assert list((tmp_path / "r" / INFLIGHT).iterdir())
    monkeypatch.undo()
    train(small(tmp_path / "r", few), resume=tmp_path / "r")
    assert not list((tmp_path / "r" / INFLIGHT).iterdir())
