"""`agentrl bench desktop`: starts, resets and steps of Desktop-v0, its fork and its memory."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.bench.timing import duration, timed
from agentrl.cli.options import Json, print_json
from agentrl.errors import InfraError

if TYPE_CHECKING:
    from agentrl.envs.gui.desktop.session import Desktop

TEMPLATES = ("append_line", "rename_file", "calculate", "count_lines")
"""Of the tasks that are played: different programs, and oracles that act on what they see."""
OPEN = ("mousepad", "thunar", "gnumeric", "lxterminal", "galculator", "chromium")
"""Programs that are open when memory is measured."""


def desktop(
    episodes: Annotated[int, typer.Option(min=2, help="Episodes to play, and starts of each kind.")] = 8,
    as_json: Json = False,
) -> None:
    """Time of a start, a reset, a step, a picture and a fork, as the oracle plays; memory of a desktop.

    A warm start is one from the pool when that is full; memory is what the control group counts, files in memory and
    cache included. Takes about two minutes.

    Example: agentrl bench desktop --episodes 4
    """
    report = measure(episodes)
    if as_json:
        print_json(report)
        return
    table = Table("", "p50", "p99", "times", box=None)
    for what, row in report["seconds"].items():
        table.add_row(what, duration(row["p50"]), duration(row["p99"]), str(row["count"]))
    Console(highlight=False).print(table)
    for what, size in report["memory_bytes"].items():
        print(f"memory, {what}: {size / 2**20:.0f} MiB")


def measure(episodes: int) -> dict[str, Any]:
    """Seconds by what was done (p50, p99, count), and bytes of memory by what was open.

    Raises:
        InfraError: a desktop failed.
    """
    from agentrl.envs.gui.desktop import DesktopEnv
    from agentrl.envs.gui.desktop.desks import desks

    call, times = desks().call, defaultdict[str, list[float]](list)
    pool = call(desks().pool())
    for _ in range(episodes):
        call(pool.warm())  # so that nothing else starts meanwhile
        call(_closed(timed(times["start, cold"], call, pool.provider.create(pool.spec))))
        call(_closed(timed(times["start, from the pool"], call, desks().acquire())))
    env = DesktopEnv(template=TEMPLATES, split="test")
    for task in env.tasks()[:episodes]:
        call(pool.warm())
        timed(times["reset"], env.reset, options={"task": task})
        for action in env.oracle():
            if timed(times["step"], env.step, action)[2]:
                break
            timed(times["picture"], env.screenshot)
    env.close()
    memory, open_desktop = {}, call(desks().acquire())
    memory["nothing open"] = call(_memory(open_desktop))
    for program in OPEN:
        call(open_desktop.launch([program]))
    memory[", ".join(OPEN)] = call(_memory(open_desktop))
    call(pool.warm())
    call(_closed(timed(times["fork with six programs"], call, open_desktop.fork())))
    call(_closed(open_desktop))
    call(desks().close())
    return {"seconds": {what: _spread(seconds) for what, seconds in times.items()}, "memory_bytes": memory}


async def _closed(thing: Any) -> None:
    await thing.close()


async def _memory(desktop: Desktop) -> int:
    """Bytes by the control group of the sandbox, of either version.

    Raises:
        InfraError: the sandbox shows none.
    """
    found = await desktop.run("cat /sys/fs/cgroup/memory/memory.usage_in_bytes /sys/fs/cgroup/memory.current", 10)
    if not (match := re.search(rb"\d+", found.stdout)):
        raise InfraError(f"the sandbox shows no control group: {found.stderr!r:.200}")
    return int(match[0])


def _spread(seconds: list[float]) -> dict[str, float]:
    ranked = sorted(seconds)
    p99 = ranked[min(len(ranked) - 1, round(0.99 * len(ranked)))]
    return {"p50": statistics.median(ranked), "p99": p99, "count": len(ranked)}
