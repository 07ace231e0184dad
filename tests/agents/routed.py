"""A vault that a clumsy executor cannot open and a skilled one can, and engines that act as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gymnasium as gym

import agentrl
from agentrl.agents.episode import LLMAgent
from agentrl.agents.render import Renderer
from agentrl.agents.routing.boundaries import Boundary
from agentrl.agents.routing.env import RoutedEpisode
from agentrl.agents.routing.executors import AgentExecutor, Executor
from agentrl.config import Price
from agentrl.envs.base import Episode, Result, TextEnv
from agentrl.errors import InfraError
from agentrl.types import Completion, Outcome, SamplingParams
from tests.fixtures.families import family_tokenizer


class Vault(TextEnv):
    """Opens when it has been turned three times."""

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return ["vault/0", "vault/1"]

    def begin(self, task_id: str) -> Result:
        self.state = 0
        return Result(f"You stand before {task_id}.")

    def act(self, action: str) -> Result:
        if not action.startswith("turn"):
            return Result("Nothing happens.", outcome=Outcome.invalid_action("not understood"))
        self.state += 1
        done = self.state == 3
        outcome = Outcome.terminated(success=True) if done else Outcome.running()
        return Result(f"Click {self.state}.", {"outcome": float(done)}, outcome)

    def oracle(self) -> Iterator[str]:
        yield from ["turn"] * 3


agentrl.register("Vault-v0", "tests.agents.routed:Vault", max_episode_steps=12)

RENDERERS = {name: Renderer(family_tokenizer(name), "Act.") for name in ("chatml", "llama3")}


class Told:
    """An engine whose action is a function of the seed; it records what it is asked."""

    version = 0

    def __init__(self, renderer: Renderer, act: Callable[[int], str], max_context: int = 4000) -> None:
        self.renderer, self.act, self.max_context = renderer, act, max_context
        self.asked: list[tuple[str, list[int], SamplingParams]] = []
        self.released: list[str] = []
        self.failing: set[int] = set()
        """Calls that fail, from 1."""

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        self.asked.append((session, list(prompt_ids), params))
        await asyncio.sleep(0)
        if len(self.asked) in self.failing:
            raise InfraError("the server is gone")
        assert params.seed is not None
        ids = tuple(self.renderer.action(self.act(params.seed)))[: params.max_tokens]
        return Completion(ids, (-0.25,) * len(ids), (0,) * len(ids), "stop")

    def release(self, session: str) -> None:
        self.released.append(session)


def executor(
    name: str, act: Callable[[int], str], price: dict[str, float], *, family: str = "chatml", max_tokens: int = 40
) -> AgentExecutor:
    renderer = RENDERERS[family]
    engine: Any = Told(renderer, act)
    params = SamplingParams(max_tokens=max_tokens)
    return AgentExecutor(name, LLMAgent(engine, renderer, params, Price.model_validate(price)))


def vault(
    executors: Sequence[Executor], budget: float = 0.0, *known: Boundary, tell_budget: bool = True
) -> RoutedEpisode:
    episode = gym.make("Vault-v0")
    assert isinstance(episode, Episode)
    boundaries = {b.task_id: b for b in known}
    return RoutedEpisode(episode, executors, budget=budget, tell_budget=tell_budget, boundaries=boundaries)


SMALL, LARGE = {"input": 1.0, "cached": 0.5, "output": 4.0}, {"input": 10.0, "cached": 5.0, "output": 40.0}


def pair(**options: Any) -> list[AgentExecutor]:
    """Small waits, large turns."""
    small = executor("small", lambda seed: f"wait {seed % 97}", SMALL, **options)
    large = executor("large", lambda seed: "turn" + "!" * (seed % 5), LARGE, **options)
    return [small, large]


def engine_of(executor: AgentExecutor) -> Told:
    engine: Any = executor.agent.engine
    assert isinstance(engine, Told)
    return engine


async def steps(env: RoutedEpisode, names: Sequence[str], seed: int = 0) -> list[tuple[str, dict[str, Any]]]:
    """Text and info of `reset` and every step, until the episode ends."""
    found = [await env.reset_async(seed=seed, options={"task": "vault/0"})]
    for name in names:
        text, _, _, _, info = await env.step_async(name)
        found.append((text, info))
        if info["outcome"].done:
            break
    return found
