"""`agentrl rollout`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentrl.cli.options import Json, Split, With, print_json


def rollout(
    env_id: Annotated[str, typer.Argument(help="Environment, e.g. ALFWorld-v0.")],
    agent: Annotated[str, typer.Option(help="oracle, explorer, random, or the path of a model or run.")] = "explorer",
    n: Annotated[int, typer.Option("-n", "--episodes", min=1, help="Episodes to play.")] = 10,
    out: Annotated[Path | None, typer.Option(help="Write the episodes here, as JSON lines (.gz packs them).")] = None,
    split: Split = None,
    seed: Annotated[int, typer.Option(help="Seed of the agent's choices.")] = 0,
    max_turns: Annotated[int, typer.Option(min=1, help="Turns per episode, at most.")] = 50,
    temperature: Annotated[float, typer.Option(min=0, help="Of a model; 0 is greedy.")] = 0.4,
    arguments: With = None,
    as_json: Json = False,
) -> None:
    """Play episodes with an agent, print how many were solved, and keep them if asked to.

    Examples:

        agentrl rollout ALFWorld-v0 --agent explorer -n 100 --out demonstrations.jsonl.gz

        agentrl rollout TextWorld-v0 --with level=w2-o3-q4 --agent random
    """
    from agentrl.cli.agent import Games, choose_tasks, play_games
    from agentrl.records import write_groups

    tasks = choose_tasks(env_id, arguments, split, n)
    groups = play_games(agent, Games(env_id, arguments, tasks, seed, max_turns, temperature))
    if out is not None:
        write_groups(out, groups)
    episodes = [[group.turns[i] for i in path] for group in groups for path in group.rollouts()]
    solved = sum(turns[-1].outcome.solved for turns in episodes)
    result = {
        "env": env_id,
        "agent": agent,
        "episodes": len(episodes),
        "solved": solved,
        "success": solved / len(episodes) if episodes else None,
        "turns": sum(map(len, episodes)) / len(episodes) if episodes else None,
        "out": None if out is None else str(out),
    }
    if as_json:
        print_json(result)
        return
    print(f"{agent} solved {solved} of {len(episodes)} episodes, {result['turns']:.1f} turns each")
    if out is not None:
        print(f"episodes: {out}")
