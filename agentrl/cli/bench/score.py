"""`agentrl bench score`: what information gain costs, and what it would cost otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentrl.cli.bench.timing import duration
from agentrl.cli.options import Json, Set, print_json


def score(
    model: Annotated[Path | None, typer.Argument(help="A run; default: the searchqa recipe, random weights.")] = None,
    tasks: Annotated[int, typer.Option(min=1, help="Tasks to play.")] = 16,
    group: Annotated[int, typer.Option(min=1, help="Episodes of each task.")] = 8,
    turns: Annotated[int, typer.Option(min=2, help="Of an episode, at most.")] = 10,
    overrides: Set = None,
    as_json: Json = False,
) -> None:
    """Share of a step that scoring the reference answer after each turn takes, on one core.

    A step is playing, scoring included, and one update on what was played. The same scores are also taken without what
    the engine has cached, and by one forward pass for each prefix.

    Example: agentrl bench score runs/searchqa-001
    """
    from agentrl.cli.bench.gains import measure

    found = measure(model, tasks, group, turns, overrides or [])
    if as_json:
        print_json(found)
        return
    print(f"{found['rollouts']} rollouts of {found['turns']:.1f} turns and {found['tokens']:.0f} tokens")
    print(f"step     {duration(found['step_s'])}, of which {found['share']:.1%} are scoring; for each rollout:")
    for name, seconds in found["per_rollout_s"].items():
        print(f"{name:<8} {duration(seconds)}")
    print(f"the log-probs of both differ by at most {found['largest_difference']:.1e}")
