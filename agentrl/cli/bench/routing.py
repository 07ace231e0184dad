"""`agentrl bench routing`: what trained routers reach for their money, against rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentrl.cli.options import Json, Set, print_json


def routing(
    runs: Annotated[list[Path], typer.Argument(help="Runs of routers with the same executors.")],
    games: Annotated[int, typer.Option(min=1, help="Games to play with every router.")] = 100,
    split: Annotated[str | None, typer.Option(help="Split; default: the run's test split.")] = None,
    out: Annotated[Path | None, typer.Option(help="File for a chart of the frontiers, NAME.svg.")] = None,
    overrides: Set = None,
    as_json: Json = False,
) -> None:
    """Success against cost, and under hard budgets: trained routers, random mixes, first-k and thresholds, in Markdown.

    The area of a router is the mean success along the frontier that its settings make with the two ends, over costs
    between those of the two ends.

    Example: agentrl bench routing runs/router-001 --games 134 --out frontier.svg
    """
    from agentrl.cli.model import model_config, model_folder
    from agentrl.files import atomic_write
    from agentrl.trainers.frontier import sweep
    from agentrl.trainers.frontier_chart import budget_table, chart, frontier_table

    folders = {run.name: model_folder(run) for run in runs}
    config = model_config(next(iter(folders.values())), overrides)
    found = sweep(config, {"trained": folders}, split=split or config.env.test_split, games=games)
    if out is not None:
        with atomic_write(out) as file:
            file.write(chart(found).encode())
    if as_json:
        print_json(found)
        return
    print(f"{frontier_table(found)}\n\nUnder hard budgets, in shares of what the dearest alone costs:\n")
    print(budget_table(found))
