"""`agentrl eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.options import Json, Set, With, print_json


def evaluate(
    model: Annotated[Path, typer.Argument(help="A model's folder, or a run: then its youngest checkpoint.")],
    env_id: Annotated[str | None, typer.Option("--env", help="Environment; default: the run's.")] = None,
    split: Annotated[str | None, typer.Option(help="Split; default: the run's test split.")] = None,
    games: Annotated[int | None, typer.Option(min=1, help="Games; default: as many as the run's test.")] = None,
    arguments: With = None,
    overrides: Set = None,
    as_json: Json = False,
) -> None:
    """Measure a model's success on a split, in total and by kind of task.

    Examples:

        agentrl eval runs/alfworld-001 --split test_unseen --games 402

        agentrl eval PATH_TO_A_MODEL --env ALFWorld-v0 --set eval.temperature=0 --json
    """
    from agentrl.cli.model import model_config, model_folder

    folder = model_folder(model)
    changes = [f"env.id={env_id}"] if env_id else []
    changes += [f"env.kwargs.{item}" for item in arguments or []]
    config = model_config(folder, [*changes, *(overrides or [])])
    split, games = split or config.env.test_split, games or config.eval.test_games

    from agentrl.trainers.evaluate import evaluate as measure

    result = measure(config, str(folder), split=split, games=games)
    if as_json:
        print_json({"model": str(folder), "env": config.env.id, "split": split, **result})
        return
    table = Table("", "success", box=None)
    table.add_row(f"{config.env.id}, {split}, {result['episodes']:.0f} games", f"{100 * result['success']:.1f} %")
    for name, value in result.items():
        if name.startswith("success/"):
            table.add_row(f"  {name.removeprefix('success/')}", f"{100 * value:.1f} %")
    Console(highlight=False).print(table)
