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
_LOOKS = 5


def desktop(
    episodes: Annotated[int, typer.Option(min=2, help="Episodes to play, and starts of each kind.")] = 8,
    as_json: Json = False,
) -> None:
    """Time of a start, a reset, a step, a picture and a fork, as the oracle plays; memory of a desktop.

    A start from the pool is one when that is full. Memory is what the control group counts, files in memory and cache
    included; time of processors is its, too, and tells more on a machine that does other things. Takes two minutes.

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
    for what, seconds in report["cpu_seconds"].items():
        print(f"processor, {what}: {duration(seconds)}")
    for what, size in report["memory_bytes"].items():
        print(f"memory, {what}: {size / 2**20:.0f} MiB")


def measure(episodes: int) -> dict[str, Any]:
    """Seconds by what was done (p50, p99, count), those of processors in the sandbox, and bytes by what was open.

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
    cpu = {"start": call(_cpu(open_desktop))}
    memory["nothing open"] = call(_memory(open_desktop))
    for program in OPEN:
        call(open_desktop.launch([program]))
    memory[", ".join(OPEN)] = call(_memory(open_desktop))
    for what, look in (("picture", open_desktop.screenshot), ("tree, six programs open", open_desktop.tree)):
        begun = call(_cpu(open_desktop))
        for _ in range(_LOOKS):
            call(look())
        cpu[what] = (call(_cpu(open_desktop)) - begun) / _LOOKS
    call(pool.warm())
    call(_closed(timed(times["fork with six programs"], call, open_desktop.fork())))
    call(_closed(open_desktop))
    call(desks().close())
    spread = {what: _spread(seconds) for what, seconds in times.items()}
    return {"seconds": spread, "cpu_seconds": cpu, "memory_bytes": memory}


async def _closed(thing: Any) -> None:
    await thing.close()


async def _memory(desktop: Desktop) -> int:
    """Bytes by the control group of the sandbox, of either version."""
    return await _read(desktop, "memory/memory.usage_in_bytes", "memory.current")


async def _cpu(desktop: Desktop) -> float:
    """Seconds of processors that the sandbox has used."""
    found = await _read(desktop, "cpuacct/cpuacct.usage", "cpu.stat")
    return found / (1e9 if (await desktop.run("test -e /sys/fs/cgroup/cpuacct", 10)).ok else 1e6)


async def _read(desktop: Desktop, first: str, second: str) -> int:
    """The first number in a file of the control group, under its name in version 1 or 2.

    Raises:
        InfraError: the sandbox shows none.
    """
    found = await desktop.run(f"cd /sys/fs/cgroup && cat {first} {second}", 10)
    if not (match := re.search(rb"\d+", found.stdout)):
        raise InfraError(f"the sandbox shows no control group: {found.stderr!r:.200}")
    return int(match[0])


def _spread(seconds: list[float]) -> dict[str, float]:
    ranked = sorted(seconds)
    p99 = ranked[min(len(ranked) - 1, round(0.99 * len(ranked)))]
    return {"p50": statistics.median(ranked), "p99": p99, "count": len(ranked)}
