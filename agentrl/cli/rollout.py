"""`agentrl rollout`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentrl.cli.options import (
    ApiKey,
    Engine,
    Images,
    Json,
    MaxTurns,
    Model,
    Seed,
    Split,
    Temperature,
    With,
    check_engine,
    print_json,
)
from agentrl.errors import InfraError


def rollout(
    env_id: Annotated[str, typer.Argument(help="Environment, e.g. ALFWorld-v0.")],
    agent: Annotated[str, typer.Option(help="oracle, explorer, random, or the path of a model or run.")] = "explorer",
    engine: Engine = "",
    model: Model = "",
    api_key: ApiKey = "",
    jobs: Annotated[int, typer.Option(min=1, help="Episodes at a time, with --engine.")] = 8,
    images: Images = 3,
    n: Annotated[int, typer.Option("-n", "--episodes", min=1, help="Episodes to play.")] = 10,
    out: Annotated[Path | None, typer.Option(help="Write the episodes here, as JSON lines (.gz packs them).")] = None,
    page: Annotated[Path | None, typer.Option(help="Write a page of the episodes here, to look at: FILE.html.")] = None,
    split: Split = None,
    seed: Seed = 0,
    max_turns: MaxTurns = 50,
    temperature: Temperature = 0.4,
    arguments: With = None,
    as_json: Json = False,
) -> None:
    """Play episodes with an agent, print how many were solved, and keep them if asked to.

    Examples:

        agentrl rollout ALFWorld-v0 --agent explorer -n 100 --out demonstrations.jsonl.gz

        agentrl rollout TextWorld-v0 --with level=w2-o3-q4 --agent random

        agentrl rollout SWE-v0 --engine http://localhost:8000/v1 --model Qwen3-8B --page episodes.html

        agentrl rollout MiniWoB-v0 --with screenshots=true --engine http://localhost:8000/v1 --model Qwen3-VL-8B
    """
    from agentrl.cli.agent import Games, choose_tasks, play_games, play_on_engine
    from agentrl.records import write_groups

    tasks = choose_tasks(env_id, arguments, split, n)
    check_engine(engine, model)
    games = Games(env_id, arguments, tasks, seed, max_turns, temperature)
    agent = model or agent
    groups = play_on_engine(engine, model, api_key, jobs, images, games) if engine else play_games(agent, games)
    if out is not None:
        write_groups(out, groups)
    if page is not None:
        from agentrl.trainers.report import write_episodes

        write_episodes(page, f"{agent} on {env_id}", groups)
    episodes = [[group.turns[i] for i in path] for group in groups for path in group.rollouts()]
    ends = (group.turns[leaf].outcome for group in groups for leaf in group.leaves())
    lost = [outcome.reason for outcome in ends if outcome.status == "infra_error"]
    if not episodes:
        raise InfraError(f"all {len(lost)} episodes were lost to infrastructure errors; the first: {lost[0]}")
    solved = sum(turns[-1].outcome.solved for turns in episodes)
    result = {
        "env": env_id,
        "agent": agent,
        "episodes": len(episodes),
        "solved": solved,
        "success": solved / len(episodes),
        "turns": sum(map(len, episodes)) / len(episodes),
        "lost": len(lost),
        "out": None if out is None else str(out),
        "page": None if page is None else str(page),
    }
    if as_json:
        print_json(result)
        return
    print(f"{agent} solved {solved} of {len(episodes)} episodes, {result['turns']:.1f} turns each")
    if lost:
        print(f"{len(lost)} more were lost to infrastructure errors; the first: {lost[0]}")
    if out is not None:
        print(f"episodes: {out}")
    if page is not None:
        print(f"page: {page}")
