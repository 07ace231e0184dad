"""Who acts: a player that needs no model, or a trained one. Both give groups of turns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agentrl.agents.players import PLAYERS, play_with, player_factory
from agentrl.cli.model import model_config, model_folder
from agentrl.cli.options import make_env, turn_limit
from agentrl.errors import UnknownNameError
from agentrl.types import Group, Task

NO_MODEL = tuple(sorted(set(PLAYERS) - {"human"}))


@dataclass(frozen=True, slots=True)
class Games:
    """Which tasks of which environment, and how they are played."""

    env_id: str
    arguments: list[str] | None
    tasks: tuple[str, ...]
    seed: int
    max_turns: int
    temperature: float


def choose_tasks(env_id: str, arguments: list[str] | None, split: str | None, count: int) -> tuple[str, ...]:
    """The first `count` tasks of a split, from the start again where it has fewer.

    Raises:
        UnknownNameError: there is no such environment or split.
    """
    with make_env(env_id, arguments) as env:
        ids = env.tasks(split)
        return tuple(ids[i % len(ids)] for i in range(count))


def play_games(agent: str, games: Games) -> list[Group]:
    """Play one episode of each task with `oracle`, `explorer`, `random`, or the model or run at a path.

    Raises:
        UnknownNameError: `agent` is neither a player nor a path.
        ConfigError, CorruptFileError: the model cannot be used.
    """
    name = games.env_id.rpartition(":")[2]
    tasks = [Task(name, task) for task in games.tasks]
    if agent not in NO_MODEL:
        if not Path(agent).exists():
            raise UnknownNameError("agent (a player's name or the path of a model or run)", agent, NO_MODEL)
        return _play_with_model(Path(agent), tasks, games)
    factory = player_factory(agent)
    with make_env(games.env_id, games.arguments, max_turns=games.max_turns) as env:
        return [Group(task, play_with(env, factory, task, seed=games.seed + i)) for i, task in enumerate(tasks)]


def play_on_engine(url: str, model: str, key: str, jobs: int, pictures: int, games: Games) -> list[Group]:
    """Play one episode of each task with a model behind an OpenAI-compatible endpoint.

    Args:
        pictures: how many observations, the latest ones, are shown with their pictures.

    Raises:
        ConfigError: the server does not know the key or the model.
        MissingExtraError: the package `openai` is not installed.
    """
    from agentrl.agents.chat_player import play_all
    from agentrl.agents.judges.chat import ChatOptions

    options = ChatOptions(url, model, key, temperature=games.temperature, top_p=1.0, concurrency=jobs)
    tasks = [Task(games.env_id.rpartition(":")[2], task) for task in games.tasks]

    make = partial(make_env, games.env_id, games.arguments, max_turns=games.max_turns)
    return play_all(make, options, tasks, seed=games.seed, jobs=jobs, pictures=pictures)


def _play_with_model(path: Path, tasks: Sequence[Task], games: Games) -> list[Group]:
    from agentrl.agents.loop import RolloutSpec
    from agentrl.trainers.prepare import load_policy
    from agentrl.trainers.rollout import agent_loop, embedded_engine

    folder = model_folder(path)
    name = tasks[0].env_id
    changes = [f"env.id={name}", f"env.max_turns={turn_limit(name, games.arguments, games.max_turns)}"]
    config = model_config(folder, [*changes, *(f"env.kwargs.{item}" for item in games.arguments or [])])
    policy = load_policy(folder, config)
    loop = agent_loop(config, embedded_engine(config, policy.model), policy.renderer, games.temperature)
    try:
        return asyncio.run(loop.collect([RolloutSpec(task, 1, games.seed + i) for i, task in enumerate(tasks)]))
    finally:
        loop.close()
