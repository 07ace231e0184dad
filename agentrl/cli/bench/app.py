"""The commands of `agentrl bench`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agentrl.cli.bench.timing import Timing
from agentrl.cli.options import Json, print_json
from agentrl.errors import UnknownNameError

app = typer.Typer(help="Measure environments, rollouts and training, each against a baseline.", no_args_is_help=True)


@app.command()
def env(
    env_id: Annotated[str, typer.Argument(help="The environment to measure.")] = "ALFWorld-v0",
    against: Annotated[str, typer.Option(help="The implementation to compare with.")] = "alfworld",
    games: Annotated[int, typer.Option(min=2, help="Games to play, the same on both sides.")] = 12,
    steps: Annotated[int, typer.Option(min=1, help="Random admissible steps in each game.")] = 20,
    as_json: Json = False,
) -> None:
    """Step and reset of ALFWorld against the original package: same games, same actions, one core.

    Every text and list of admissible commands is compared, too. Takes about 20 s.

    Example: agentrl bench env ALFWorld-v0 --against alfworld
    """
    if env_id != "ALFWorld-v0":
        raise UnknownNameError("environment to measure", env_id, ["ALFWorld-v0"])
    if against != "alfworld":
        raise UnknownNameError("baseline", against, ["alfworld"])
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


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    return asdict(value) if isinstance(value, Timing) else value
