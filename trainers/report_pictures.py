"""Pictures of an episode that was played from text: its actions are played again, where the environment makes any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentrl.config import EnvConfig
from agentrl.envs.dispatch import pictured
from agentrl.errors import AgentRLError, InfraError
from agentrl.trainers.demos import make_env
from agentrl.types import Task, Turn


def with_pictures(config: EnvConfig, task: Task, turns: Sequence[Turn]) -> tuple[list[Turn], str]:
    """The turns of an episode with pictures, if its environment makes any without being another one.

    Args:
        config: how the episode was played.

    Returns:
        the turns, and why they have no pictures, if they should; "" otherwise.
    """
    more = {name: value for name, value in pictured(task.env_id).items() if config.kwargs.get(name) != value}
    if more != {"screenshots": True}:  # such as browser=True, which wants other actions
        return list(turns), ""
    seeing = config.model_copy(update={"id": task.env_id, "kwargs": {**config.kwargs, **more}})
    try:
        return _played_again(seeing, task, turns), ""
    except AgentRLError as error:
        return list(turns), f"There are no pictures: {error}"


def _played_again(config: EnvConfig, task: Task, turns: Sequence[Turn]) -> list[Turn]:
    env = make_env(config)
    try:
        observation, info = env.reset(seed=task.seed, options={"task": task.task_id})
        shown = [info["images"]]
        for turn in turns:
            if turn.observation != observation:
                raise InfraError(f"played again, the episode showed {observation[:80]!r} for {turn.observation[:80]!r}")
            observation, _, _, _, info = env.step(turn.action)
            shown.append(info["images"])
    finally:
        env.close()
    seen = [replace(turn, images=images) for turn, images in zip(turns, shown, strict=False)]
    return [*seen[:-1], replace(seen[-1], last_images=shown[-1])]
