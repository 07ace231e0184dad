"""`agentrl cost`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.options import Json, print_json
from agentrl.config import Price
from agentrl.errors import ConfigError

PerMillion = Annotated[float | None, typer.Option(min=0, help="Dollars per million tokens, for the policy's.")]


def cost(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run: finished, running or killed.")],
    price_in: PerMillion = None,
    price_cached: PerMillion = None,
    price_out: PerMillion = None,
    as_json: Json = False,
) -> None:
    """Add up what a run cost in tokens, money and seconds: by phase, by who acted, and for each solved episode.

    Money is what the prices of the run's configuration say (engine.price, judge.price, and those of executors); for the
    policy's tokens other prices can be given here. Without --price-cached, what is cached costs as any input.

    Examples:

        agentrl cost runs/alfworld-001

        agentrl cost runs/alfworld-001 --price-in 0.1 --price-cached 0.01 --price-out 0.4 --json
    """
    from agentrl.trainers.costs import run_costs
    from agentrl.trainers.runs import Run

    found = run_costs(Run.open(path), _price(price_in, price_cached, price_out))
    print_json(found) if as_json else _tell(found)


def _price(price_in: float | None, price_cached: float | None, price_out: float | None) -> Price | None:
    if price_in is None and price_cached is None and price_out is None:
        return None
    if price_in is None or price_out is None:
        raise ConfigError("a price has two sides: give both --price-in and --price-out")
    return Price(input=price_in, output=price_out, cached=price_in if price_cached is None else price_cached)


def _tell(found: Mapping[str, Any]) -> None:
    console = Console(highlight=False, markup=False)
    spent = Table("", "episodes", "turns", "prompt", "cached", "output", "dollars", box=None)
    times = Table("seconds of", "engine", "environment", "judge", box=None)
    each = Table("each", "tokens", "dollars", "seconds", box=None)
    for name, phase in found["phases"].items():
        spent.add_row(name, _count(phase["episodes"]), *_spent(phase))
        times.add_row(name, *_times(phase))
        for actor, part in phase["actors"].items():
            spent.add_row(f"  {actor}", "", *_spent(part))
            times.add_row(f"  {actor}", *_times(part))
        for label, key in (("episode", "per_episode"), ("solved", "per_solved")):
            if share := phase[key]:
                tokens, money, seconds = (share[what] for what in ("tokens", "money", "seconds"))
                each.add_row(f"{name}, {label}", _count(tokens), _money(money), f"{seconds:,.2f}")
    if judge := found["judge"]:
        tokens = [_count(judge.get(f"{kind}_tokens", 0)) for kind in ("prompt", "cached", "completion")]
        spent.add_row("judge", "", f"{judge['requests']:.0f}", *tokens, _money(judge.get("money")))
        times.add_row("judge, requests", "", "", f"{judge['seconds']:,.1f}")
    for table in (spent, times, each):
        for column in table.columns[1:]:
            column.justify = "right"
        if table.row_count:
            console.print(table)
            console.print()
    trained = [f"{name} {_count(tokens)}" for name, tokens in found["trained_tokens"].items() if tokens]
    console.print(f"trained tokens  {', '.join(trained) or 'none'}")
    console.print(f"dollars in all  {_money(found['money'])}")
    for gap in found["missing"]:
        console.print(f"not counted     {gap}", soft_wrap=True)


def _spent(part: Mapping[str, Any]) -> list[str]:
    tokens = [_count(part[f"{kind}_tokens"]) for kind in ("prompt", "cached", "completion")]
    return [_count(part["turns"]), *tokens, _money(part["money"])]


def _times(part: Mapping[str, Any]) -> list[str]:
    return [f"{part[name]:,.1f}" for name in ("engine_s", "environment_s", "judge_s")]


def _count(value: float) -> str:
    """9,876, 12.3k, 4.6M."""
    for scale, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= max(scale, 1e4):
            return f"{value / scale:.1f}{unit}"
    return f"{value:,.0f}"


def _money(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}" if value >= 1 else f"{value:.3g}"
