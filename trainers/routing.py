"""Whether, and through whom, the policy of a run acts: the executors of a router, and what they make of its tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from agentrl.agents.embedded import EmbeddedEngine
from agentrl.agents.episode import LLMAgent
from agentrl.agents.ragged_cache import check_model
from agentrl.agents.render import Renderer
from agentrl.agents.routing.boundaries import COST, Boundary
from agentrl.agents.routing.env import RoutedEpisode
from agentrl.agents.routing.executors import AgentExecutor, Executor
from agentrl.agents.weights import cast_weights
from agentrl.config import Config, ExecutorConfig, WarmStartConfig
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError
from agentrl.trainers.credit import ANCHORS
from agentrl.trainers.demos import make_env
from agentrl.trainers.methods import Method
from agentrl.trainers.prepare import load_policy, load_skeleton
from agentrl.types import SamplingParams


@dataclass(slots=True)
class Routing:
    """What stands between a router and the real environment."""

    executors: list[Executor]
    budget: float
    tell_budget: bool
    """Dollars of an episode; 0 for no bound."""
    boundaries: dict[str, Boundary] = field(default_factory=dict)
    """Of the tasks that are trained on; they come before the first of them is played."""

    def wrap(self, env: Episode) -> RoutedEpisode:
        """The router's view of an environment."""
        return RoutedEpisode(
            env, self.executors, budget=self.budget, tell_budget=self.tell_budget, boundaries=self.boundaries
        )

    def close(self) -> None:
        """Let go of connections."""
        for executor in self.executors:
            executor.close()


def routing(config: Config) -> Routing | None:
    """Load the executors of a run; None where the policy acts itself.

    Raises:
        ConfigError, CorruptFileError: an executor's folder cannot be used.
        MissingExtraError: the package `openai` is not installed, and an executor is on a server.
    """
    section = config.routing
    if not section.executors:
        return None
    executors = [_executor(name, e, config) for name, e in section.executors.items()]
    return Routing(executors, section.budget, section.tell_budget)


def played_env(config: Config, routing: Routing | None) -> Episode:
    """The environment that the policy plays."""
    env = make_env(config.env)
    return env if routing is None else routing.wrap(env)


def check_routing(config: Config, method: Method, env: Episode) -> Episode:
    """Refuse what cannot work; returns the environment that the method plays, which cannot be stepped.

    Raises:
        ConfigError: parts of the configuration do not fit together; with the way out.
        CorruptFileError: an executor's folder cannot be used.
    """
    section, warm_start = config.routing, config.warm_start
    if not section.executors:
        if ANCHORS in method.credit.needs:
            raise ConfigError(
                f"{method.name} trains a router, and there is nobody to choose from: give routing.executors"
            )
        return env
    known = len(env.tasks(config.env.train_split))
    if section.tasks > known:
        raise ConfigError(f"routing.tasks = {section.tasks}, and {config.env.train_split} has {known} tasks")
    if warm_start.demonstrations > section.tasks:
        raise ConfigError(
            f"a router's demonstrations are made from the tasks whose boundaries are known: set"
            f" warm_start.demonstrations to {section.tasks} at most, or raise routing.tasks"
        )
    if warm_start.mistakes not in (0, WarmStartConfig().mistakes):
        raise ConfigError("a router's demonstrations have no mistakes: leave warm_start.mistakes out")
    if section.known and not Path(section.known).is_file():
        raise ConfigError(f"routing.known = {section.known!r} is no file; it is routing.jsonl of an earlier run")
    cost, outcome = (np.broadcast_to(method.rewards.get(name, 0.0), 2) for name in (COST, "outcome"))
    if np.any(cost < 0) or np.any((cost > 0) & (cost >= outcome)):
        raise ConfigError(
            f"rl.rewards: the weight of {COST} is λ, at least 0, and lower than that of outcome; else failing cheaply"
            " would be worth more than a success"
        )
    for executor in section.executors.values():
        if executor.url:
            continue
        model = load_skeleton(Path(executor.path), config).model
        check_model(model, int(getattr(model.config, "max_position_embeddings", 1 << 30)))
    return RoutedEpisode(env, [])


def _executor(name: str, section: ExecutorConfig, config: Config) -> Executor:
    if section.url:
        from agentrl.agents.routing.chat_executor import chat_executor

        return chat_executor(name, section)
    policy = load_policy(Path(section.path), config)
    cast_weights(policy.model, getattr(torch, config.engine.dtype))
    params = SamplingParams(section.temperature, section.max_tokens)
    engine = EmbeddedEngine(policy.model.eval())
    return AgentExecutor(
        name, LLMAgent(engine, Renderer(policy.tokenizer, section.system_prompt), params, section.price)
    )
