"""`agentrl bench web`: resets and steps of MiniWoB-v0 in one Chromium, alone and with many sessions at once."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.bench.timing import duration, timed
from agentrl.cli.bench.web_against import PACES, compare
from agentrl.cli.options import Json, print_json
from agentrl.errors import UnknownNameError

if TYPE_CHECKING:
    from agentrl.envs.web.miniwob import MiniWoBEnv

PAGES = ("click-button", "click-checkboxes", "choose-list", "enter-text", "login-user", "click-tab-2", "use-spinner")
"""Of different libraries and lengths."""
BROWSERGYM = Path(".venv-browsergym/bin/python")


def web(
    episodes: Annotated[int, typer.Option(min=2, help="Episodes of each session.")] = 21,
    sessions: Annotated[int, typer.Option(min=2, help="Sessions at once, beside the measure with one.")] = 32,
    against: Annotated[str, typer.Option(help="What to compare with instead: browsergym.")] = "",
    browsergym_python: Annotated[Path, typer.Option(help="An interpreter with browsergym-miniwob.")] = BROWSERGYM,
    rounds: Annotated[int, typer.Option(min=1, help="Episodes of each page, if compared.")] = 5,
    as_json: Json = False,
) -> None:
    """Time of a reset, of a step and of a picture, as the oracle plays; steps per second; memory of a session.

    Memory is what the processes of Chromium grow by with the sessions, each page counted once (PSS).

    Examples:

        agentrl bench web --sessions 8

        agentrl bench web --against browsergym
    """
    if against not in ("", "browsergym"):
        raise UnknownNameError("baseline", against, ["browsergym"])
    if against:
        _show(compare(browsergym_python, PAGES, rounds), as_json)
        return
    rows = [_measure(count, episodes) for count in (1, sessions)]
    if as_json:
        print_json(rows)
        return
    table = Table("sessions", "reset, p50 (p99)", "step", "picture", "steps/s", "memory a session", box=None)
    for row in rows:
        times = [
            f"{duration(row[what]['p50'])} ({duration(row[what]['p99'])})" for what in ("reset", "step", "picture")
        ]
        table.add_row(str(row["sessions"]), *times, f"{row['steps_per_s']:.0f}", f"{row['memory_mib']:.0f} MiB")
    Console(highlight=False).print(table)


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    table = Table("p50 (p99)", "agentrl", "BrowserGym", "ratio", "without its waits", "ratio", box=None)
    for what in ("reset", "step"):
        cells = [f"{duration(found['agentrl'][what]['p50'])} ({duration(found['agentrl'][what]['p99'])})"]
        for pace in PACES:
            row = found[pace][what]
            cells += [f"{duration(row['p50'])} ({duration(row['p99'])})", f"{row['ratio']:.1f}"]
        table.add_row(what, *cells)
    Console(highlight=False).print(table)


def _measure(count: int, episodes: int) -> dict[str, Any]:
    from agentrl.envs.web.browser import browsers
    from agentrl.envs.web.miniwob import MiniWoBEnv

    browsers().call(browsers().close())
    envs = [MiniWoBEnv(task=PAGES, split="test") for _ in range(count)]
    envs[0].reset(options={"task": f"test/{PAGES[0]}/99"})
    alone = _memory()
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(lambda env: env.reset(options={"task": f"test/{PAGES[0]}/99"}), envs))
        begun = time.perf_counter()
        played = list(pool.map(lambda env: _play(env, episodes), envs))
        wall = time.perf_counter() - begun
    memory = (_memory() - alone) / (count - 1) if count > 1 else alone
    for env in envs:
        env.close()
    times = {what: [seconds for one in played for seconds in one[what]] for what in ("reset", "step", "picture")}
    spread = {
        what: {"p50": statistics.median(s), "p99": statistics.quantiles(s, n=100)[-1]} for what, s in times.items()
    }
    return {"sessions": count, **spread, "steps_per_s": len(times["step"]) / wall, "memory_mib": memory / 2**20}


def _play(env: MiniWoBEnv, episodes: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = defaultdict(list)

    for task in env.tasks()[:episodes]:
        timed(times["reset"], env.reset, options={"task": task})
        timed(times["picture"], env.screenshot)
        for action in env.oracle():
            if timed(times["step"], env.step, action)[2]:
                break
    return times


def _memory() -> float:
    """Bytes of all processes of Chromium below this one."""
    return sum(map(_pss, _below(Path("/proc/self"))))


def _below(process: Path) -> Iterator[str]:
    for children in process.glob("task/*/children"):
        for pid in children.read_text().split():
            yield pid
            yield from _below(Path("/proc") / pid)


def _pss(pid: str) -> float:
    """Of a process of Chromium, its share of what it shares included."""
    process = Path("/proc") / pid
    try:
        if b"chrom" not in (process / "cmdline").read_bytes():
            return 0.0
        lines = (process / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it has just ended
    return next((float(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0.0)
