"""`agentrl bench swe`: grading, the shell and many episodes at once, against a fresh container for each task."""

from __future__ import annotations

import asyncio
import io
import statistics
import tarfile
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.bench.timing import duration
from agentrl.cli.options import Json, print_json
from agentrl.errors import ConfigError, InfraError

if TYPE_CHECKING:
    from agentrl.envs.swe.instance import Instance

JOBS = 2
"""Tasks at a time, on both sides."""
_PART = 6
"""Tasks that one side grades before it is the other's turn."""


def swe(
    tasks: Annotated[int, typer.Option(min=4, help="Shipped tasks to grade, spread over the libraries.")] = 60,
    commands: Annotated[int, typer.Option(min=10, help="Commands of the shell.")] = 300,
    episodes: Annotated[int, typer.Option(min=1, help="Sandboxes that are attacked at once.")] = 32,
    sandbox: Annotated[str, typer.Option(help="docker, process or runsc.")] = "docker",
    as_json: Json = False,
) -> None:
    """Tasks graded per minute with pooled sandboxes, and with one `docker run` for each; the round trip of a command;
    whether sandboxes hold their limits while all are attacked at once; what is left behind.

    Both sides grade the fixes of the same tasks, two at a time, in turns. `docker run` runs the tests once; ours runs
    them once more as canaries. What ours does once for a library, which is to compile its tests in each sandbox and to
    run a fix that others are compared with, is done before. Takes three minutes.

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
    table.add_row("graded per minute", f"{result['graded_per_minute']:.0f}")
    table.add_row("with docker run", f"{result['docker_run_per_minute']:.0f}, {result['times_faster']:.1f} times less")
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
    first = [t for name in libraries for t in [i for i in ids if tasks.task(i).library == name][: 2 * JOBS]]
    rest = [task for task in ids if task not in first]
    chosen = [tasks.instance(task) for task in rest[:: max(1, len(rest) // count)][:count]]
    grader = Grader(Testbed(lambda: shop.acquire(kind), at_once=JOBS))
    await _timed([tasks.instance(task) for task in first], lambda one: _ours(grader, one))
    ours = theirs = 0.0
    for part in (chosen[i : i + _PART] for i in range(0, len(chosen), _PART)):
        ours += await _timed(part, lambda one: _ours(grader, one))
        theirs += await _timed(part, _docker_run)
    trips = sorted(await _round_trips(kind, commands))
    pool = await shop.pool(kind)
    held = await attack(pool.provider, pool.spec.image, episodes)
    await grader.testbed.close()
    await shop.close()
    left = sum(found.lease.owner == Owner.this() for found in find())
    return {
        "sandbox": kind,
        "tasks": len(chosen),
        "graded_per_minute": 60 * len(chosen) / ours,
        "docker_run_per_minute": 60 * len(chosen) / theirs,
        "times_faster": theirs / ours,
        "command_p50": statistics.median(trips),
        "command_p99": trips[int(0.99 * len(trips))],
        "held": held,
        "left_behind": left,
    }


async def _timed(instances: Sequence[Instance], work: Callable[[Instance], Awaitable[None]]) -> float:
    """Seconds that the work on all of them takes, some at a time."""
    turns = asyncio.Semaphore(JOBS)

    async def one(instance: Instance) -> None:
        async with turns:
            await work(instance)

    begun = time.perf_counter()
    await asyncio.gather(*(one(instance) for instance in instances))
    return time.perf_counter() - begun


async def _ours(grader: Any, instance: Instance) -> None:
    from agentrl.envs.swe.judging import start_of

    grade = await grader.grade(instance, start_of(instance).repository, instance.patch)
    if not grade.resolved:
        raise ConfigError(f"the fix of {instance.instance_id} is not taken for one: {grade.flags or grade.error}")


async def _docker_run(instance: Instance) -> None:
    """A fresh container that unpacks the repository with the fix, and runs its tests."""
    from agentrl.envs.swe.judging import solved
    from agentrl.envs.swe.toolbox import BIN, SITE
    from agentrl.sandboxes.images.catalog import IMAGES

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in solved(instance).items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    tests = " ".join(f"'{test}'" for test in (*instance.FAIL_TO_PASS, *instance.PASS_TO_PASS))
    script = f"cd $(mktemp -d) && tar -xf - && PYTHONPATH={SITE}:. {BIN}/pytest -q -p no:cacheprovider {tests}"
    flags = ("--rm", "--interactive", "--network", "none", "--memory", "1g", "--pids-limit", "128")
    process = await asyncio.create_subprocess_exec(
        *("docker", "run", *flags, IMAGES["swe"].tag, "sh", "-c", script),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(buffer.getvalue())
    if process.returncode:
        raise InfraError(f"docker run of {instance.instance_id} failed: {said[-500:].decode(errors='replace')}")


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
