"""`agentrl reproduce`."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from agentrl.cli.commit import commit
from agentrl.cli.options import Json, Set, print_json
from agentrl.cli.reproduce_bopo import reproduce_bopo


def reproduce(
    name: Annotated[str, typer.Argument(help="What to reproduce, e.g. igpo.")],
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, … of every arm.")] = 3,
    arms: Annotated[list[str] | None, typer.Option("--arm", help="Only this arm; may be repeated.")] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Runs at a time; 0: one per core, or one where a GPU is.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder; default: runs/reproduce-NAME.")] = None,
    overrides: Set = None,
    as_json: Json = False,
) -> None:
    """Train a method and its baselines from the same warm start at the same budget of tokens, and compare them.

    What is finished in the folder is not run again: an interrupted reproduction continues.

    Examples:

        agentrl reproduce igpo

        agentrl reproduce igpo --seeds 1 --arm igpo --arm grpo --set rl.steps=20
    """
    import torch

    folder = out or Path("runs") / f"reproduce-{name}"
    jobs = jobs or (1 if torch.cuda.is_available() else len(os.sched_getaffinity(0)))
    if name == "bopo":  # its runs build upon each other, as no others do
        reproduce_bopo(folder, seeds, arms or [], jobs, overrides or [], as_json)
        return
    from agentrl.trainers.reproduce import reproduce as run
    from agentrl.trainers.reproduce_report import markdown, write_report
    from agentrl.trainers.reproduction import load

    what = load(name)
    result = run(what, folder, range(seeds), overrides or [], arms or [], jobs, lambda line: typer.echo(line, err=True))
    report = write_report(folder, result)
    if as_json:
        print_json(result)
        return
    print(f"arXiv {what.paper}: {what.claim}\n\n{markdown(result)}\n")
    print(f"{date.today()}, commit {commit()}, {result['minutes']:.0f} minutes of runs; report: {report}")
