"""Episodes of routers by rule."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from agentrl.agents.episode import Limits, deadline
from agentrl.agents.players import played
from agentrl.agents.rollout import failed_turn
from agentrl.agents.routing.env import RoutedEpisode
from agentrl.agents.routing.routers import Router
from agentrl.agents.together import together
from agentrl.errors import InfraError
from agentrl.types import Task, Turn


async def play_routers(
    make_env: Callable[[], RoutedEpisode], episodes: Iterable[tuple[Task, Router]], limits: Limits
) -> list[list[Turn]]:
    """Play one episode of each, in their order; the turns have texts, rewards and costs, but no tokens of a policy.

    What is left of an episode that an infrastructure error ended as often as `limits.retries` allows is the turn that
    says so.
    """
    places = asyncio.Semaphore(limits.concurrency)
    idle: list[RoutedEpisode] = []

    async def play(task: Task, router: Router) -> list[Turn]:
        cause = ""
        async with places:
            for _ in range(limits.retries + 1):
                env = idle.pop() if idle else make_env()
                try:
                    turns = await _play(env, task, router, limits)
                except InfraError as error:
                    env.close()  # its state is unknown
                    cause = str(error)
                else:
                    idle.append(env)
                    return turns
        return [failed_turn((), None, cause)]

    try:
        return await together(play(task, router) for task, router in episodes)
    finally:
        for env in idle:
            env.close()


async def _play(env: RoutedEpisode, task: Task, router: Router, limits: Limits) -> list[Turn]:
    async with deadline(limits.turn_seconds):
        observation, _ = await env.reset_async(seed=task.seed, options={"task": task.task_id})
    turns: list[Turn] = []
    while not turns or not turns[-1].outcome.done:
        begun = time.perf_counter()
        async with deadline(limits.turn_seconds):
            action = await router.choose(env, task, len(turns))
            feedback, _, _, _, info = await env.step_async(action)
        seconds = time.perf_counter() - begun
        turns.append(played(turns, observation, action, feedback, info, limits.turns, seconds))
        observation = feedback
    return turns


def lost(turns: Sequence[Turn]) -> bool:
    """Whether an infrastructure error ended the episode."""
    return turns[-1].outcome.status == "infra_error"
