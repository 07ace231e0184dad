"""`agentrl bench loop`: how much faster asynchronous training is, and what thousands of episodes at once cost."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.bench.timing import duration
from agentrl.cli.options import Json, print_json
from agentrl.errors import UnknownNameError

PARTS = ("speed", "scale", "http")


def loop(
    parts: Annotated[list[str] | None, typer.Argument(help="speed, scale, http; default: all.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="speed: runs of each kind, with seeds 0, 1, 2 …")] = 3,
    staleness: Annotated[int, typer.Option(min=1, help="speed: η of the asynchronous runs.")] = 4,
    steps: Annotated[int, typer.Option(min=2, help="speed: RL steps of each run.")] = 24,
    latency_ms: Annotated[float, typer.Option(min=1, help="speed: median of a step of the environment.")] = 100,
    games: Annotated[int, typer.Option(min=1, help="speed: test games before and after each run.")] = 400,
    episodes: Annotated[int, typer.Option(min=8, help="scale, http: episodes at once.")] = 4096,
    context: Annotated[int, typer.Option(min=1, help="scale, http: tokens of a waiting episode.")] = 1000,
    seconds: Annotated[float, typer.Option(min=1, help="scale, http: duration of each load.")] = 20,
    as_json: Json = False,
) -> None:
    """Asynchronous against synchronous training; the agent loop with thousands of episodes; HTTP clients.

    speed: the same training run with staleness 0 and η, where the environment's answers take log-normal times. scale:
    agent loop, queue and journal around an engine and an environment that only wait. http: the vLLM engine, and
    aiohttp and httpx alone, against the fake vLLM server. About ten minutes in all.

    Examples:

        agentrl bench loop

        agentrl bench loop speed --seeds 1
    """
    chosen = parts or PARTS
    if unknown := set(chosen).difference(PARTS):
        raise UnknownNameError("part", min(unknown), PARTS)
    found: dict[str, Any] = {}
    for part in chosen:
        if part == "speed":
            from agentrl.cli.bench import speed

            found[part] = speed.measure(range(seeds), staleness, steps, latency_ms / 1e3, games)
        elif part == "scale":
            from agentrl.cli.bench import scale

            found[part] = scale.measure(episodes, context, seconds)
        else:
            from agentrl.cli.bench import http_load

            found[part] = http_load.measure(episodes, context, seconds)
        if not as_json:
            {"speed": _print_speed, "scale": _print_scale, "http": _print_http}[part](found[part])
    if as_json:
        print_json(found | {"load_average": os.getloadavg()[0]})


def _print_speed(found: dict[str, Any]) -> None:
    latency = found["latency"]
    table = Table("median (min–max)", "RL, wall clock", "success before", "success after", box=None)
    for kind in ("sync", "async"):
        row = found[kind]
        cells = _spread(row["seconds"], ".0f"), _spread(row["before"], ".1%"), _spread(row["after"], ".1%")
        table.add_row(kind, f"{cells[0]} s", *cells[1:])
    table.add_row("ratio", _spread(found["ratio"], ".1f"))
    print(
        f"{found['steps']} RL steps, η = {found['staleness']}, seeds {found['seeds']}, {found['games']} test games; "
        f"environment p50 {duration(latency['p50'])}, p99 {duration(latency['p99'])}: p99/p50 {latency['p99/p50']:.1f}"
    )
    Console(highlight=False).print(table)


def _spread(values: Sequence[float], how: str) -> str:
    return f"{statistics.median(values):{how}} ({min(values):{how}}–{max(values):{how}})"


def _print_scale(found: dict[str, Any]) -> None:
    memory = found["memory"]
    print(
        f"{found['episodes']} episodes: {memory['bytes'] / 1e3:.0f} kB each while they wait with "
        f"{memory['context_tokens']:.0f} tokens of context"
    )
    table = Table("load", "turns/s", "overhead of a turn p50, p99", "event-loop lag p50, p99", "CPU a turn", box=None)
    for kind in ("paced", "saturated"):
        row = found[kind]
        table.add_row(
            f"{kind}: engine {duration(row['engine_s'])}, environment {duration(row['environment_s'])}",
            f"{row['turns_per_s']:,.0f}",
            _p50_p99(row["overhead"]),
            _p50_p99(row["lag"]),
            duration(row["cpu_per_turn"]),
        )
    Console(highlight=False).print(table)


def _print_http(found: dict[str, Any]) -> None:
    print(f"{found['sessions']} sessions at once, {found['context_tokens']} tokens of context, by HTTP")
    table = Table("client", "requests/s", "exchange p50, p99", box=None)
    for kind in ("vllm_engine", "aiohttp", "httpx"):
        row = found[kind]
        table.add_row(kind, f"{row['requests_per_s']:,.0f}", _p50_p99(row) if "p50" in row else "no answer in time")
    Console(highlight=False).print(table)
    loop = found["loop"]
    print(f"agent loop with this engine: {loop['turns_per_s']:,.0f} turns/s, event-loop lag {_p50_p99(loop['lag'])}")


def _p50_p99(found: dict[str, float]) -> str:
    return f"{duration(found['p50'])}, {duration(found['p99'])}"
