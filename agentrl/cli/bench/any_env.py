"""Step and reset of any environment of ours, as its own expert plays it."""

from __future__ import annotations

import time
from typing import Any

from agentrl.cli.bench.timing import Timing, one_core
from agentrl.config import EnvConfig
from agentrl.envs.base import Episode
from agentrl.trainers.demos import make_env


def measure(env_id: str, episodes: int, turns: int, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Play tasks of the first split on one core, each twice; the expert's own time does not count.

    Args:
        episodes: tasks to play.
        turns: of an episode at most.
        kwargs: passed to `gym.make`.

    Returns:
        `Timing`s: `step`, `reset, new task` and `reset, known task`.

    Raises:
        ConfigError: there is no such environment, or it does not take these arguments.
    """
    env = make_env(EnvConfig(id=env_id, max_turns=turns, kwargs=kwargs))
    ids = env.tasks()
    env.reset(options={"task": ids[len(ids) - 1]})  # what is made once in a process
    new, known, steps = list[float](), list[float](), list[float]()
    with one_core():
        for i in range(min(episodes, len(ids) - 1)):
            _play(env, ids[i], new, steps)
            _play(env, ids[i], known, steps)
    env.close()
    times = {"step": steps, "reset, new task": new, "reset, known task": known}
    return {"env": env_id} | {name: Timing.of(seconds) for name, seconds in times.items()}


def _play(env: Episode, task_id: str, resets: list[float], steps: list[float]) -> None:
    begun = time.perf_counter()
    observation, _ = env.reset(options={"task": task_id})
    resets.append(time.perf_counter() - begun)
    expert, done = env.demonstrator(), False
    while not done:
        action = expert.act(observation)
        begun = time.perf_counter()
        observation, _, terminated, truncated, _ = env.step(action)
        steps.append(time.perf_counter() - begun)
        done = terminated or truncated
