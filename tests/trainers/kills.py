"""Runs in processes of their own that are killed with SIGKILL from outside, and what has to be true of them afterwards.

Every process is forked from a server that has imported torch already, so that a run which is killed again and again
spends its time running.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import runpy
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from agentrl.config import Config
from agentrl.records import DIGITS, turn_from_json, turn_to_json
from agentrl.trainers.runs import ROLLOUTS, Run, step_name
from agentrl.trainers.stage import INFLIGHT
from agentrl.types import Group
from tests.trainers.small import small

POLL_S = 0.001
LIMIT_S = 120.0
"""Of one process, far beyond what it takes: a test that hangs fails."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["agentrl.trainers.loop", "torch.utils.tensorboard", "transformers", "agentrl.agents.vllm.fake.server"]
)

Turns = dict[tuple[int, int], list[dict[str, Any]]]
"""The turns of an episode, by the number of its group and its place in it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When the journal has so many turns of the groups that a step trains, and a little later.

    The delay leads through all that happens between two turns, and after the last: credit, training, publishing, the
    checkpoint, and the next groups.
    """

    step: int
    """Of RL, from 0."""
    turns: int
    delay_s: float


def draw_moments(seed: int, count: int, *, steps: int, turns: int, delay_s: float) -> list[Moment]:
    """Moments in `count` of the steps, drawn at random: up to so many turns, every other time up to so much later."""
    rng = random.Random(seed)
    chosen = sorted(rng.sample(range(steps), count))
    return [Moment(step, rng.randint(1, turns), rng.choice([0.0, rng.uniform(0, delay_s)])) for step in chosen]


class Watched:
    """A run, seen from outside.

    Args:
        path: its folder.
        changes: of its configuration, see `small`.
    """

    def __init__(self, path: Path, *changes: Mapping[str, Any]) -> None:
        self.path, self.changes = path, changes
        self.config: Config = small(path, *changes)
        self.log = path.with_suffix(".log")
        self.prepare: Callable[[], None] | None = None
        """Called in the trainer's process before it begins."""
        self.journaled: list[Turns] = []
        """What was in the journal each time that the trainer was dead."""

    @contextmanager
    def trainer(self) -> Iterator[ForkServerProcess]:
        """A process that begins the run, or goes on with it; it does not outlive the block."""
        process = _context.Process(
            target=_train, args=(self.path, self.path.exists(), self.changes, self.log, self.prepare)
        )
        process.start()
        try:
            yield process
        finally:
            process.kill()
            process.join()

    def finish(self, moments: Iterable[Moment] = (), act: Callable[[ForkServerProcess], None] | None = None) -> None:
        """Run, or go on, until the end; on the way do something at each moment."""
        with self.trainer() as process:
            for moment in moments:
                self.wait(moment, process)
                assert act is not None
                act(process)
            process.join(LIMIT_S)
            assert process.exitcode == 0, self.told(f"the run ended with {process.exitcode}")

    def kill(self, moment: Moment | None, *, rank: int = 0) -> None:
        """Run, or go on, and kill one of the processes at a moment, or let it die where `prepare` wants it to."""
        with self.trainer() as process:
            if moment is not None:
                self.wait(moment, process)
                os.kill(process.pid if rank == 0 else _others(process)[rank - 1], signal.SIGKILL)
            process.join(LIMIT_S)
            assert process.exitcode == -signal.SIGKILL if rank == 0 else process.exitcode, self.told(f"not at {moment}")
        self.journaled.append(journal(self.path))

    def wait(self, moment: Moment, process: ForkServerProcess) -> None:
        """Wait for a moment, unless the run ends before."""
        until = time.monotonic() + LIMIT_S
        while process.is_alive() and not self._reached(moment):
            assert time.monotonic() < until, self.told(f"{moment} never came")
            time.sleep(POLL_S)
        time.sleep(moment.delay_s)
        assert process.is_alive(), self.told(f"the run ended before {moment}")

    def told(self, message: str) -> str:
        """A message with what the processes printed."""
        return f"{message}\n{self.log.read_text() if self.log.exists() else ''}"

    def _reached(self, moment: Moment) -> bool:
        first = moment.step * self.config.rl.tasks_per_step
        groups = range(first, first + self.config.rl.tasks_per_step)
        written = self.path / ROLLOUTS / f"{step_name(self.config.warm_start.steps + moment.step + 1)}.jsonl.gz"
        return written.exists() or sum(_lines(self.path, n) for n in groups) >= moment.turns


def _train(
    path: Path, resume: bool, changes: Sequence[Mapping[str, Any]], log: Path, prepare: Callable[[], None] | None
) -> None:
    _redirect(log)
    from agentrl.trainers.loop import train

    if prepare is not None:
        prepare()
    train(small(path, *changes), resume=path if resume else None)


class FakeReplica:
    """A fake vLLM server in a process of its own, always at the same port.

    Args:
        model: folder of the policy that it starts with.
    """

    def __init__(self, model: Path, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._arguments = ["--model", str(model), "--port", str(self.port), "--dev-mode", "--latency", "0.01"]
        self._arguments += ["--logprobs-mode", "processed_logprobs", "--served-model-name", "policy"]

    def start(self) -> None:
        """Returns when it listens."""
        self.process = _context.Process(target=_serve_fake, args=(self._arguments, self._log))
        self.process.start()
        until = time.monotonic() + LIMIT_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.is_alive(), self._log.read_text()
            assert time.monotonic() < until, self._log.read_text()
            time.sleep(POLL_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


def _serve_fake(arguments: list[str], log: Path) -> None:
    _redirect(log)
    sys.argv[1:] = arguments
    runpy.run_module("agentrl.agents.vllm.fake", run_name="__main__")


def _redirect(log: Path) -> None:
    """Send what this process prints to a file."""
    with log.open("ab") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)


def _others(process: ForkServerProcess) -> list[int]:
    """The other ranks of a run, oldest first; the tracker of shared memory, which Python starts, is none of them."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]


def _lines(run: Path, number: int) -> int:
    """Turns of a group in the journal."""
    try:
        return max((run / INFLIGHT / f"group-{number:08d}.jsonl").read_bytes().count(b"\n") - 1, 0)
    except FileNotFoundError:
        return 0


def journal(run: Path) -> Turns:
    """The turns in flight of a run that is not running, read without its own code."""
    turns: Turns = {}
    for path in sorted((run / INFLIGHT).glob("group-*.jsonl")):
        number = int(path.stem.removeprefix("group-"))
        for line in path.read_bytes().split(b"\n")[1:-1]:
            record = json.loads(line)
            turns.setdefault((number, record["rollout"]), []).append(_identity(record["turn"]))
    return turns


def trained(path: Path) -> Turns:
    """The turns that a run was trained on."""
    return {
        (number, index): [_identity(turn_to_json(group.turns[i])) for i in rollout]
        for number, group in groups(path)
        for index, rollout in enumerate(group.rollouts())
    }


def groups(path: Path) -> list[tuple[int, Group]]:
    """The groups that a run was trained on, with their numbers, step by step."""
    run = Run.open(path)
    found = [group for step in run.rollout_steps() for group, _ in run.rollouts(step)]
    return [(group.number, group) for group in found if group.number is not None]


def _identity(turn: Mapping[str, Any]) -> dict[str, Any]:
    """A turn as it rests on disk, wall times included, which no other turn shares; but not its place in the group."""
    return turn_to_json(turn_from_json(turn), DIGITS) | {"parent": None}


def check_exactly_once(run: Watched) -> None:
    """Every planned episode was trained once and to its end, in its step; there are the metrics of every step."""
    rl = run.config.rl
    found = groups(run.path)
    assert [number for number, _ in found] == list(range(rl.steps * rl.tasks_per_step)), run.told("groups")
    for number, group in found:
        assert len(group.leaves()) == len(group.rollouts()) == rl.group_size, run.told(f"group {number}")
        assert all(group.turns[leaf].outcome.done for leaf in group.leaves())
    first = run.config.warm_start.steps + 1
    rows = Run.open(run.path).metrics()
    assert [row["step"] for row in rows if "rl/success" in row] == list(range(first, first + rl.steps))
    assert Run.open(run.path).summary() is not None
    assert not list((run.path / INFLIGHT).iterdir())


def check_continued(run: Watched) -> int:
    """Every turn that the journal had when the trainer died was trained as it was, not sampled again.

    Returns:
        How many episodes were in the middle when it died.
    """
    final = trained(run.path)
    for kept in run.journaled:
        for episode, turns in kept.items():
            assert final[episode][: len(turns)] == turns, run.told(f"episode {episode} was not continued")
    last = [turns[-1]["outcome"]["status"] for kept in run.journaled for turns in kept.values()]
    return sum(status in ("running", "invalid_action") for status in last)
