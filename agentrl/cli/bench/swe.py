"""`agentrl bench swe`: grading, the shell and many episodes at once, against a fresh container for each task."""

from __future__ import annotations

import asyncio
import io
import statistics
import tarfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.bench.timing import duration
from agentrl.cli.options import Json, print_json
from agentrl.errors import InfraError

if TYPE_CHECKING:
    from agentrl.envs.swe.grading import Grader
    from agentrl.envs.swe.instance import Instance

JOBS = 2
"""Tasks at a time, on both sides."""
_PART = 6
"""Tasks that one side grades before it is the other's turn."""


def swe(
    tasks: Annotated[int, typer.Option(min=6, help="Shipped tasks to grade, spread over the libraries.")] = 60,
    commands: Annotated[int, typer.Option(min=10, help="Commands of the shell.")] = 300,
    episodes: Annotated[int, typer.Option(min=1, help="Sandboxes that are attacked at once.")] = 32,
    sandbox: Annotated[str, typer.Option(help="docker, process or runsc.")] = "docker",
    as_json: Json = False,
) -> None:
    """Tasks graded per minute with pooled sandboxes, and with one `docker run` for each; the round trip of a command;
    whether sandboxes hold their limits while all are attacked at once; what is left behind.

    Both sides grade the same diffs, two at a time, in turns of six: of each task the fix, and a change that leaves the
    bug in. No grade is remembered. `docker run` runs the tests once. So does ours with the bug in; it runs them once
    more as canaries if they pass. Figures are medians over the turns. What ours does once for a library, which is to
    compile its tests in each sandbox and to run a fix that others are compared with, is in `from nothing`: the first
    fix of each library, with nothing ready.

    Examples:

        agentrl bench swe

        agentrl bench swe --sandbox process --tasks 200
    """
    from agentrl.envs.swe.workshop import workshop

    result = workshop().call(_measure(sandbox, tasks, commands, episodes))
    if as_json:
        print_json(result)
        return
    table = Table("what", "figure", box=None)
    for what, name in (("fixes", "fixes"), ("no fixes", "no_fixes"), ("all", "all")):
        speed = result[name]
        table.add_row(
            f"{what} graded per minute",
            f"{speed['ours']:.0f}; with docker run {speed['docker_run']:.0f}; {speed['times_faster']:.1f} times",
        )
    table.add_row("fixes from nothing", f"{result['from_nothing']:.0f}")
    table.add_row("command, p50 (p99)", f"{duration(result['command_p50'])} ({duration(result['command_p99'])})")
    held = ", ".join(f"{what} {count}" for what, count in result["held"].items())
    table.add_row(f"of {episodes} at once held", held)
    table.add_row("left behind", str(result["left_behind"]))
    Console(highlight=False).print(table)


async def _measure(kind: str, count: int, commands: int, episodes: int) -> dict[str, Any]:
    from agentrl.cli.bench.swe_limits import attack
    from agentrl.envs.swe import tasks
    from agentrl.envs.swe.grading import Grader
    from agentrl.envs.swe.taskset import SPLITS
    from agentrl.envs.swe.testbed import Testbed
    from agentrl.envs.swe.workshop import workshop
    from agentrl.sandboxes.lease import Owner
    from agentrl.sandboxes.reaper import find

    shop = workshop()
    ids = [task for split in SPLITS for task in tasks.tasks(split)]
    libraries = {tasks.task(task).library for task in ids}
    of_library = [[task for task in ids if tasks.task(task).library == name] for name in libraries]
    first = [_Job.of(tasks.instance(of[0]), "first", fixed=True) for of in of_library]
    second = [_Job.of(tasks.instance(of[1]), f"{n}", fixed=True) for of in of_library for n in range(JOBS)]
    rest = [task for task in ids if not any(task in of[:2] for of in of_library)]
    chosen = [tasks.instance(task) for task in rest[:: max(1, len(rest) // count)][:count]]
    grader = Grader(Testbed(lambda: shop.acquire(kind), at_once=JOBS))
    ours = partial(_ours, grader)
    from_nothing = 60 * len(first) / await _timed(first, ours)
    await _timed(second, ours)  # in both sandboxes
    seconds: dict[str, list[tuple[float, float]]] = {"fixes": [], "no_fixes": []}
    for part in (chosen[i : i + _PART] for i in range(0, len(chosen) - _PART + 1, _PART)):
        for name, fixed in (("fixes", True), ("no_fixes", False)):
            jobs = [_Job.of(instance, instance.instance_id, fixed=fixed) for instance in part]
            seconds[name].append((await _timed(jobs, ours), await _timed(jobs, _docker_run)))
    seconds["all"] = [(a / 2 + c / 2, b / 2 + d / 2) for (a, b), (c, d) in zip(*seconds.values(), strict=True)]
    trips = sorted(await _round_trips(kind, commands))
    pool = await shop.pool(kind)
    held = await attack(pool.provider, pool.spec.image, episodes)
    await grader.testbed.close()
    await shop.close()
    left = sum(found.lease.owner == Owner.this() for found in find())
    return {
        "sandbox": kind,
        "tasks": len(chosen),
        "from_nothing": from_nothing,
        **{name: _speed(each) for name, each in seconds.items()},
        "command_p50": statistics.median(trips),
        "command_p99": trips[int(0.99 * len(trips))],
        "held": held,
        "left_behind": left,
    }


def _speed(seconds: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Grades a minute and their ratio, medians over turns of `_PART` tasks: seconds of ours, and of `docker run`."""
    return {
        "ours": 60 * _PART / statistics.median(ours for ours, _ in seconds),
        "docker_run": 60 * _PART / statistics.median(theirs for _, theirs in seconds),
        "times_faster": statistics.median(theirs / ours for ours, theirs in seconds),
    }


@dataclass(frozen=True)
class _Job:
    """A submission, and what must become of it."""

    instance: Instance
    diff: str
    resolved: bool

    @classmethod
    def of(cls, instance: Instance, note: str, *, fixed: bool) -> _Job:
        """The fix and a comment, or the comment alone: what differs in the note has not been graded before."""
        from agentrl.envs.swe import judging, patches

        start = judging.start_of(instance).files
        files = judging.solved(instance) if fixed else start
        path = patches.touched(instance.patch)[0]
        noted = {**files, path: files[path] + f"\n# reviewed: {note}\n".encode()}
        return cls(instance, patches.diff(start, noted), fixed)


async def _timed(jobs: Sequence[_Job], work: Callable[[_Job], Awaitable[None]]) -> float:
    """Seconds that the work on all of them takes, some at a time."""
    turns = asyncio.Semaphore(JOBS)

    async def one(job: _Job) -> None:
        async with turns:
            await work(job)

    begun = time.perf_counter()
    await asyncio.gather(*(one(job) for job in jobs))
    return time.perf_counter() - begun


async def _ours(grader: Grader, job: _Job) -> None:
    from agentrl.envs.swe.judging import start_of

    grade = await grader.grade(job.instance, start_of(job.instance).repository, job.diff)
    _expect(job, grade.resolved, f"{grade.flags or grade.error}")


def _expect(job: _Job, resolved: bool, why: str) -> None:
    if resolved != job.resolved:
        wanted = "a fix" if job.resolved else "no fix"
        raise InfraError(f"{job.instance.instance_id}: {wanted} is not taken for one: {why}")


async def _docker_run(job: _Job) -> None:
    """A fresh container that unpacks the repository with the diff applied, and runs the tests of the task."""
    from agentrl.envs.swe import patches
    from agentrl.envs.swe.judging import start_of
    from agentrl.envs.swe.toolbox import BIN, SITE
    from agentrl.sandboxes.images.catalog import IMAGES

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in patches.apply(start_of(job.instance).files, job.diff).items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    tests = " ".join(f"'{test}'" for test in job.instance.tests)
    script = f"cd $(mktemp -d) && tar -xf - && PYTHONPATH={SITE}:. {BIN}/pytest -q -p no:cacheprovider {tests}"
    flags = ("--rm", "--interactive", "--network", "none", "--memory", "1g", "--pids-limit", "128")
    process = await asyncio.create_subprocess_exec(
        *("docker", "run", *flags, IMAGES["swe"].tag, "sh", "-c", script),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(buffer.getvalue())
    if process.returncode not in (0, 1, 2, 4):  # tests fail, or cannot be imported
        raise InfraError(f"docker run of {job.instance.instance_id} failed: {said[-500:].decode(errors='replace')}")
    _expect(job, process.returncode == 0, said[-500:].decode(errors="replace"))


async def _round_trips(kind: str, count: int) -> list[float]:
    from agentrl.envs.swe import shell, shipped
    from agentrl.envs.swe.workspace import Start, Workspace

    repository = shipped.load(shipped.names()[0])
    space = await Workspace.open(kind, Start(repository, repository.files))
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        await shell.run(space, "cd .")
        times.append(time.perf_counter() - begun)
    await space.close()
    return times
