"""The commands of `agentrl bench`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.bench.desktop import desktop
from agentrl.cli.bench.gpu import gpu
from agentrl.cli.bench.loop import loop
from agentrl.cli.bench.routing import routing
from agentrl.cli.bench.score import score
from agentrl.cli.bench.swe import swe
from agentrl.cli.bench.timing import Timing, duration
from agentrl.cli.bench.tournaments import tournaments
from agentrl.cli.bench.web import web
from agentrl.cli.options import Json, Set, With, keywords, print_json
from agentrl.errors import ConfigError, UnknownNameError

Model = Annotated[
    Path | None, typer.Argument(help="A model or a run; default: the default architecture with random weights.")
]
OPENENV_PYTHON = Path(".venv-openenv/bin/python")
SWEREX_PYTHON = Path(".venv-swerex/bin/python")
app = typer.Typer(help="Measure environments, rollouts and training, each against a baseline.", no_args_is_help=True)
app.command()(desktop)
app.command()(loop)
app.command()(gpu)
app.command()(routing)
app.command()(score)
app.command()(swe)
app.command()(tournaments)
app.command()(web)


@app.command()
def env(
    env_id: Annotated[str, typer.Argument(help="The environment to measure.")] = "ALFWorld-v0",
    against: Annotated[str, typer.Option(help="What to compare with, if anything: alfworld, for ALFWorld-v0.")] = "",
    games: Annotated[int, typer.Option(min=2, help="Games to play, the same on both sides.")] = 12,
    steps: Annotated[int, typer.Option(min=1, help="Steps in each game: random admissible ones, or an expert's.")] = 20,
    arguments: With = None,
    as_json: Json = False,
) -> None:
    """Step and reset of an environment as its expert plays it, on one core.

    ALFWorld also against the original package: same games, same actions. Every text and list of admissible commands is
    compared, too. Takes about 20 s.

    Examples:

        agentrl bench env SearchQA-v0 --games 200

        agentrl bench env Grounding-v0 --with screen=desktop --games 11

        agentrl bench env ALFWorld-v0 --against alfworld
    """
    if not against:
        from agentrl.cli.bench.any_env import measure as measure_alone

        times = measure_alone(env_id, games, steps, keywords(arguments))
        if as_json:
            print_json(_plain(times))
            return
        for name, timing in times.items():
            print(f"{name:<20} {timing}")
        return
    if env_id != "ALFWorld-v0":
        raise UnknownNameError("environment to compare", env_id, ["ALFWorld-v0"])
    if against != "alfworld":
        raise UnknownNameError("baseline", against, ["alfworld"])
    if arguments:
        raise ConfigError("--with is for an environment alone: what is compared with alfworld has no arguments")
    from agentrl.cli.bench.env import measure

    result = measure(games, steps)
    if as_json:
        print_json(_plain(result))
        return
    table = Table("median (p10–p90)", "agentrl", "alfworld", "ratio", box=None)
    for name, row in result.items():
        if isinstance(row, dict):
            table.add_row(name, str(row["ours"]), str(row["original"]), f"{row['ratio']:,.0f}")
    Console(highlight=False).print(table)


@app.command()
def rollout(
    model: Model = None,
    games: Annotated[int, typer.Option(min=1, help="Games to play.")] = 8,
    group: Annotated[int, typer.Option(min=1, help="Episodes of each game.")] = 8,
    overrides: Set = None,
    as_json: Json = False,
) -> None:
    """Tokens per second of the embedded engine against a plain loop of `model.generate`, one core each.

    Example: agentrl bench rollout runs/alfworld-001
    """
    from agentrl.cli.bench.rollout import measure

    result = measure(model, games, group, overrides or [])
    if as_json:
        print_json(result)
        return
    for name in ("agentrl", "plain"):
        row = result[name]
        print(f"{name:<8} {row['tokens_per_second']:8.0f} tokens/s ({row['tokens']} tokens in {row['seconds']:.1f} s)")
    print(f"ratio    {result['ratio']:8.1f}")


@app.command()
def train(
    model: Model = None,
    games: Annotated[int, typer.Option(min=1, help="Games to train on.")] = 12,
    group: Annotated[int, typer.Option(min=1, help="Episodes of each game.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Training steps of each kind.")] = 5,
    overrides: Set = None,
    as_json: Json = False,
) -> None:
    """Tokens per second of a training step on real, ragged rollouts against an ideal without padding, one core.

    Also how much longer a step takes with importance correction.

    Example: agentrl bench train runs/alfworld-001
    """
    from agentrl.cli.bench.train import measure

    result = measure(model, games, group, repeats, overrides or [])
    if as_json:
        print_json(result)
        return
    lengths = result["row_tokens"]
    print(
        f"{result['rows']} rows of {lengths['min']} to {lengths['max']} tokens, {lengths['median']:.0f} in the median"
    )
    print(f"ragged {result['ragged_tokens_per_second']:8.0f} tokens/s")
    print(f"ideal  {result['ideal_tokens_per_second']:8.0f} tokens/s")
    print(f"share  {result['share']:8.0%}")
    cost = result["correction_cost"]
    print(f"corrected: {cost['one_step']:.2f} times as long with one optimiser step, {cost['two_steps']:.2f} with two")


@app.command()
def serve(
    against: Annotated[str, typer.Option(help="The server to compare with.")] = "openenv",
    openenv_python: Annotated[Path, typer.Option(help="An interpreter with openenv.")] = OPENENV_PYTHON,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each server under each load.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.1, help="Of each turn.")] = 2.0,
    as_json: Json = False,
) -> None:
    """Steps per second of `agentrl serve` against OpenEnv's own server: the same environment, load and machine.

    Example: agentrl bench serve --against openenv
    """
    if against != "openenv":
        raise UnknownNameError("baseline", against, ["openenv"])
    from agentrl.cli.bench.serve import compare

    result = compare(openenv_python, rounds, seconds)
    if as_json:
        print_json(result)
        return
    table = Table("sessions", "by", "agentrl", "p50", "p99", "openenv", "p50", "p99", "ratio", box=None)
    for row in result["loads"]:
        cells = [
            text
            for found in (row["agentrl"], row["openenv"])
            for text in (f"{found['steps_per_second']:,.0f}/s", duration(found["p50"]), duration(found["p99"]))
        ]
        table.add_row(str(row["sessions"]), row["how"], *cells, f"{row['ratio']:.1f}")
    Console(highlight=False).print(table)


@app.command()
def sessions(
    env_id: Annotated[str, typer.Argument(help="The environment to serve.")] = "ALFWorld-v0",
    live: Annotated[int, typer.Option(min=1, help="Sessions open at once.")] = 2000,
    churn: Annotated[int, typer.Option(min=500, help="Sessions opened, and then deleted or abandoned.")] = 10_000,
    as_json: Json = False,
) -> None:
    """Memory of one `agentrl serve` with very many sessions, and after them.

    Example: agentrl bench sessions ALFWorld-v0
    """
    from agentrl.cli.bench.sessions import measure

    result = measure(env_id, live, churn)
    if as_json:
        print_json(result)
        return
    for name in ("before", "live", "after_live", "churn_peak", "after_churn"):
        print(f"{name:<12} {result[name] / 2**20:6.0f} MiB")


@app.command()
def sandbox(
    image: Annotated[str, typer.Option(help="With python3; default: the base image of agentrl.")] = "",
    rounds: Annotated[int, typer.Option(min=2, help="Sandboxes of each kind.")] = 20,
    commands: Annotated[int, typer.Option(min=1, help="Commands in each.")] = 20,
    against: Annotated[str, typer.Option(help="swerex: SWE-ReX's docker deployment, too.")] = "",
    swerex_python: Annotated[Path, typer.Option(help="An interpreter with swe-rex.")] = SWEREX_PYTHON,
    as_json: Json = False,
) -> None:
    """Start, hand-out, command and fork of sandboxes against docker run, exec and commit, in turns.

    Takes about a minute.

    Examples:

        agentrl bench sandbox

        agentrl bench sandbox --against swerex --swerex-python .venv-swerex/bin/python
    """
    if against not in ("", "swerex"):
        raise UnknownNameError("baseline", against, ["swerex"])
    from agentrl.cli.bench.sandbox import measure

    result = measure(image, rounds, commands, swerex_python if against else None)
    if as_json:
        print_json(result)
        return
    table = Table("", "what", "p50", "p99", "times", box=None)
    for who, rows in result.items():
        for what, row in rows.items():
            table.add_row(who, what, duration(row["p50"]), duration(row["p99"]), str(row["count"]))
    Console(highlight=False).print(table)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    return asdict(value) if isinstance(value, Timing) else value
