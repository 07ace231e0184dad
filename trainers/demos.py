"""Demonstrations: episodes of an environment's own expert, as text, and as rows for supervised fine-tuning."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from agentrl.agents.render import Renderer
from agentrl.config import EnvConfig
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError
from agentrl.trainers.data import SftRow
from agentrl.types import Task


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One solved episode: T observations and the T actions that answer them."""

    task_id: str
    observations: tuple[str, ...]
    actions: tuple[str, ...]
    mistakes: tuple[bool, ...]
    """Turns in which the expert erred on purpose."""

    def texts(self) -> list[str]:
        """Every text that a tokenizer has to know."""
        return [*self.observations, *self.actions]


_turns = itertools.count()


def make_env(config: EnvConfig) -> Episode:
    """The environment of a run, whose episodes end after `max_turns`. On a server it outlives the server's restarts.

    Several servers share the environments of a run: each begins at the next one, and goes on at the others.

    Raises:
        ConfigError: there is no such id or module, it does not take these arguments, or it does not honour the
            contract of `agentrl.envs.base`.
    """
    server: dict[str, Any] = {}
    if config.url:
        urls = config.url.split(",")
        first = next(_turns) % len(urls)
        server = {"url": [*urls[first:], *urls[:first]], "token": config.token, "recover": True}
    elif config.backend:
        server = {"backend": config.backend, "recover": True}
    try:
        env = gym.make(config.id, max_episode_steps=config.max_turns, **server, **config.kwargs)
    except (gym.error.Error, ModuleNotFoundError, TypeError) as error:
        raise ConfigError(f"env.id = {config.id!r}: {error}") from error
    if not isinstance(env, Episode):
        raise ConfigError(f"{config.id} was not registered with agentrl.register; see CONTRIBUTING.md")
    return env


def demonstrate(env: Episode, task: Task, *, mistakes: float) -> Demonstration | None:
    """Let the environment's demonstrator play a task; None where it does not solve it in time.

    Args:
        task: its seed is that of the demonstrator's mistakes.
        mistakes: share of turns in which it errs on purpose.
    """
    observation, _ = env.reset(options={"task": task.task_id})
    expert = env.demonstrator(seed=task.seed, mistakes=mistakes)
    observations: list[str] = []
    actions: list[str] = []
    erred: list[bool] = []
    while True:
        observations.append(observation)
        actions.append(expert.act(observation))
        erred.append(expert.last_was_mistake)
        observation, _, _, _, info = env.step(actions[-1])
        if info["outcome"].solved:
            return Demonstration(task.task_id, tuple(observations), tuple(actions), tuple(erred))
        if info["outcome"].done:
            return None


def sft_row(
    demonstration: Demonstration, renderer: Renderer, observation_weight: float, mistake_weight: float = 0.0
) -> SftRow:
    """(L,) token ids of a demonstration with their loss weights.

    Args:
        observation_weight: of the tokens between actions; an action token has 1 …
        mistake_weight: … unless the action was a mistake.
    """
    ids: list[int] = []
    weights: list[float] = []
    action: list[int] = []
    for turn, observation in enumerate(demonstration.observations):
        prompt = renderer.next(action, observation) if turn else renderer.first(observation)
        action = renderer.action(demonstration.actions[turn])
        ids += [*prompt, *action]
        weights += [observation_weight] * len(prompt)
        weights += [mistake_weight if demonstration.mistakes[turn] else 1.0] * len(action)
    weights[0] = 0.0  # nothing precedes the first token
    return SftRow(np.array(ids, np.int64), np.array(weights, np.float32))
