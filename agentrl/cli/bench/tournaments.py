"""`agentrl bench tournaments`: what each topology costs, and what its ranks are worth."""

from __future__ import annotations

from typing import Annotated

import typer

from agentrl.cli.options import Json, print_json
from agentrl.errors import ConfigError
from agentrl.markdown import table


def tournaments(
    players: Annotated[list[int], typer.Option(help="Sizes of a group; may be repeated.")] = [4, 8, 16, 32, 64],  # noqa: B006
    noise: Annotated[
        list[float], typer.Option(help="Error of a judge in standard deviations of the quality; may be repeated.")
    ] = [0.25, 1.0, 2.0],  # noqa: B006
    seeds: Annotated[int, typer.Option(min=1, help="Tournaments of each kind.")] = 100,
    as_json: Json = False,
) -> None:
    """Kendall's τ and the best player of each topology against full round-robin and the true order, in Markdown.

    All topologies see the same verdicts. Takes about half a minute.

    Example: agentrl bench tournaments --players 16 --noise 1
    """
    if min(players) < 2 or min(noise) < 0:
        raise ConfigError("a tournament has 2 players or more, and noise is not negative")
    from agentrl.agents.arena.fidelity import cells, measure

    rows = measure(players, noise, seeds)
    if as_json:
        print_json(rows)
        return
    print(table(cells(rows)))
