"""Whatever is killed with kill -9, and whenever: every planned episode is trained exactly once, and the run ends.

Twenty kills at moments drawn from fixed seeds: twelve of trainers (synchronous, of two processes, asynchronous), three
of engine replicas, three of environment servers, two of sandboxes; and those in the middle of writing a file.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require

require("torch")
require("transformers")
require("torch.utils.tensorboard")
pytest.register_assert_rewrite("tests.trainers.kills")

from agentrl.trainers.runs import Run
from tests.serving.conftest import Server, serving
from tests.trainers.deaths import (
    STEPS,
    WARM_STEPS,
    half_published,
    often_watched,
    paused,
    torn_checkpoint,
    torn_exchange,
    torn_journal,
    torn_removal,
)
from tests.trainers.kills import FakeReplica, Watched, check_continued, check_exactly_once, draw_moments, groups
from tests.trainers.signs import SIGNS
from tests.trainers.small import ALFWORLD, ROOT, results

TURNS = 40
"""Of the some fifty of a step."""
CHANGES: dict[str, Any] = {
    "warm_start": {"steps": WARM_STEPS},
    "rl": {
        "steps": STEPS,
        "method": "dapo",
        "balance": False,
        "rewards": {"outcome": 1.0, "progress": 0.3},
        "optim": {"name": "adamw", "lr": 3e-3},
    },
    "eval": {"every": 4},
    "engine": {"train_dtype": "float32"},
}
TWO: dict[str, Any] = {"engine": {"train_dtype": "float32", "processes": 2}, "warm_start": {"steps": 60}}
"""With 40 steps one of the thousand random numbers lies within 1e-7 of the border between two tokens, so that the last
bits decide which of them is sampled."""


@pytest.fixture(autouse=True)
def paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Watched]:
    """The run that nobody kills, of so many processes."""

    @cache
    def run(processes: int) -> Watched:
        run = Watched(tmp_path_factory.mktemp("whole") / "run", CHANGES, TWO if processes == 2 else {})
        run.finish()
        check_exactly_once(run)
        return run

    return run


def check_same_curve(run: Watched, whole: Watched) -> None:
    """All metrics that no clock measured.

    An episode that goes on after a replay has its context computed in one pass instead of turn by turn, or in another
    batch: its log-probs differ in the last bits of float32, by some 1e-7, and so do the weights from then on. Counts,
    and what was played, do not differ at all.
    """
    for got, expected in zip(results(run.path), results(whole.path), strict=True):
        for name, value in expected.items():
            # a deviation is the root of a difference of nearly equal numbers, which lose half of their digits in it
            tolerance = 1e-3 if name.endswith("_std") else 1e-6
            assert got[name] == pytest.approx(value, rel=1e-4, abs=tolerance), run.told(f"{name} at {got['step']}")
    assert [(n, [(t.observation, t.action) for t in g.turns]) for n, g in groups(run.path)] == [
        (n, [(t.observation, t.action) for t in g.turns]) for n, g in groups(whole.path)
    ]


@pytest.mark.parametrize(("processes", "seed", "kills"), [(1, 1, 7), (2, 2, 2)])
def test_a_trainer_is_killed_again_and_again(
    whole: Callable[[int], Watched], tmp_path: Path, processes: int, seed: int, kills: int
) -> None:
    run = Watched(tmp_path / "run", *whole(processes).changes)
    for number, moment in enumerate(draw_moments(seed, kills, steps=STEPS, turns=TURNS, delay_s=0.1)):
        run.kill(moment, rank=number % processes)
    run.finish()
    check_exactly_once(run)
    assert check_continued(run)
    check_same_curve(run, whole(processes))


def test_a_trainer_that_plays_ahead_is_killed(whole: Callable[[int], Watched], tmp_path: Path) -> None:
    run = Watched(tmp_path / "run", CHANGES, {"async": {"staleness": 2}})
    for moment in draw_moments(3, 3, steps=STEPS, turns=TURNS, delay_s=0.1):
        run.kill(moment)
    run.finish()
    check_exactly_once(run)
    assert check_continued(run)
    ages = [row["staleness/max"] for row in Run.open(run.path).metrics() if "staleness/max" in row]
    assert 0 < max(ages) <= 2
    assert [(n, g.task) for n, g in groups(run.path)] == [(n, g.task) for n, g in groups(whole(1).path)]


def test_a_trainer_is_killed_while_it_writes(whole: Callable[[int], Watched], tmp_path: Path) -> None:
    run = Watched(tmp_path / "run", CHANGES, {"run": {"keep_checkpoints": 1}})
    for run.prepare in (torn_journal, torn_checkpoint, torn_exchange, torn_removal):
        run.kill(None)
    run.prepare = None
    run.finish()
    check_exactly_once(run)
    assert check_continued(run)
    check_same_curve(run, whole(1))


def test_an_environment_server_is_killed(whole: Callable[[int], Watched], tmp_path: Path) -> None:
    require("uvicorn")
    with ExitStack() as stack:

        def start() -> Server:
            return stack.enter_context(serving(tmp_path, SIGNS, unix_socket=tmp_path / "s"))

        def fall_and_rise(trainer: object) -> None:
            servers[-1].stop()
            servers.append(start())

        servers = [start()]
        run = Watched(tmp_path / "run", CHANGES, {"env": {"url": f"unix:{tmp_path}/s"}})
        run.finish(draw_moments(4, 3, steps=STEPS, turns=TURNS, delay_s=0.1), fall_and_rise)
    check_exactly_once(run)
    check_same_curve(run, whole(1))


def test_replicas_are_killed_and_come_back(whole: Callable[[int], Watched], tmp_path: Path) -> None:
    """The run goes on with the other; the one that came back is used when a publish has brought it the weights."""
    for component in ("aiohttp", "safetensors", "fastapi"):
        require(component)
    policy = Run.open(whole(1).path).checkpoints()[0]
    replicas = [FakeReplica(policy, tmp_path / f"replica-{i}.log") for i in range(2)]
    run = Watched(
        tmp_path / "run",
        CHANGES,
        {
            "model": {"path": str(policy)},
            "warm_start": {"demonstrations": 0, "steps": 0},
            "rl": {"steps": 24, "tasks_per_step": 2, "mini_batches": 1},
            "eval": {"every": 0},
            "engine": {"kind": "vllm", "urls": [replica.url for replica in replicas]},
        },
    )
    order = itertools.cycle(replicas)

    def counts() -> list[float]:
        return [row["engine/replicas"] for row in Run.open(run.path).metrics() if "engine/replicas" in row]

    def fall_and_rise(trainer: ForkServerProcess) -> None:
        replica = next(order)
        for expected, change in ((1, replica.kill), (2, replica.start)):
            steps = len(counts())
            change()
            while expected not in counts()[steps:]:
                assert trainer.is_alive(), run.told("the run ended before the replica came back")
                time.sleep(0.01)

    with ExitStack() as stack:
        for replica in replicas:
            replica.start()
            stack.callback(replica.kill)
        for run.prepare in (half_published, paused):
            run.kill(None)
        run.prepare = often_watched
        run.finish(draw_moments(5, 3, steps=8, turns=TURNS // 2, delay_s=0.1), fall_and_rise)
    check_exactly_once(run)
    check_continued(run)
    rows = [row for row in Run.open(run.path).metrics() if "rl/success" in row]
    # Each batch is trained once: what the trainer says of it before is what its own weights would have played.
    assert max(row["rl/logprob_gap"] for row in rows if "rl/logprob_gap" in row) < 1e-4


def test_sandboxes_are_killed(tmp_path: Path) -> None:
    """The container in which a run plays is replaced, and its episodes go on."""
    for component in ("docker.errors", "textworld", "httptools"):
        require(component)
    from agentrl.errors import SandboxError
    from agentrl.sandboxes.engine import connect
    from agentrl.sandboxes.images.catalog import IMAGES

    try:
        client = connect()
        if not client.images.list(IMAGES["text"].tag):
            raise SandboxError("image_missing", "agentrl images build text")
    except SandboxError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))

    def fall(trainer: ForkServerProcess) -> None:
        found = client.containers.list(filters={"label": "agentrl.run=backend"})
        (container,) = [c for c in found if c.labels["agentrl.owner"].split(".")[1] == str(trainer.pid)]
        container.kill()

    changes = ({**CHANGES, "rl": {**CHANGES["rl"], "steps": 3, "rewards": {"outcome": 1.0}}}, ALFWORLD)
    whole = Watched(tmp_path / "whole", *changes)
    run = Watched(tmp_path / "run", *changes, {"env": {"backend": "docker"}})
    whole.finish()
    run.finish(draw_moments(6, 2, steps=3, turns=20, delay_s=0.1), fall)
    check_exactly_once(run)
    check_same_curve(run, whole)
    client.close()
