"""`agentrl reproduce bopo`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import typer

from agentrl.cli.commit import commit
from agentrl.cli.options import print_json
from agentrl.errors import ConfigError


def reproduce_bopo(
    folder: Path, seeds: int, arms: Sequence[str], jobs: int, overrides: Sequence[str], as_json: bool
) -> None:
    """Train executors and routers, and print the frontier; see `agentrl.trainers.reproduce_bopo`."""
    from agentrl.trainers import reproduce_bopo as module
    from agentrl.trainers.frontier_chart import budget_table, frontier_table, write_frontier

    if arms:
        raise ConfigError("bopo has no arms to choose from: all its routers share the same executors and boundaries")
    tell = functools.partial(typer.echo, err=True)
    result = module.reproduce_bopo(folder, range(seeds), overrides, jobs, tell=tell)
    report = write_frontier(folder, result)
    if as_json:
        print_json(result)
        return
    print(f"arXiv {result['paper']}: {result['claim']}\n\n{frontier_table(result['frontier'])}\n")
    print(f"Area, BoPO over seeds: {result['areas']['BoPO']:.3f}; under hard budgets:\n")
    print(f"{budget_table(result['frontier'])}\n")
    print(f"{date.today()}, commit {commit()}, {result['minutes']:.0f} minutes of runs; report: {report}")
