"""The agent loop: many episodes at once between environments and an engine, recorded as groups of turns.

    observation → Renderer → prompt ids → Engine → action ids → Renderer → text → Env → rewards, outcome, observation

Infrastructure failures become outcomes, never rewards; a failed rollout is played again within its budget, and a run
in which too many fail stops.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from agentrl.agents.engine import Engine
from agentrl.agents.render import Renderer
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError, InfraError, RunStoppedError
from agentrl.types import Group, Outcome, SamplingParams, Task, Turn

_serial = itertools.count()

EnvFactory = Callable[[str], Episode]
"""Makes an environment of the contract (see `agentrl.envs.base`) from its id."""


@dataclass(frozen=True, slots=True)
class RolloutSpec:
    """What to play: `rollouts` episodes of one task. Together with the weights, `seed` determines them."""

    task: Task
    rollouts: int
    seed: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a turn, an episode and a run. The bound on action tokens is `SamplingParams.max_tokens`."""

    turn_seconds: float = 600.0
    """Wall time of one turn, or of a reset; beyond it the engine or the environment is taken to hang: an
    infrastructure error."""
    turns: int = 50
    """Then the episode is truncated("max_turns"), if the environment's own limit has not ended it before."""
    context_tokens: int = 1 << 20
    """Where the next action might not fit in this, or in the engine, the episode is truncated("context")."""
    concurrency: int = 64
    """Episodes at a time in one `collect`."""
    retries: int = 2
    """How often a rollout that an infrastructure error ended is played again."""
    failure_rate: float = 0.2
    """Share of failed attempts of the run beyond which it stops …"""
    failure_grace: int = 20
    """… once so many attempts have been made."""


@dataclass(frozen=True, slots=True)
class LLMAgent:
    """A policy: an engine, how to talk to it, and how to sample."""

    engine: Engine
    renderer: Renderer
    params: SamplingParams = field(default_factory=SamplingParams)

    def turn_params(self, seed: int, turn: int) -> SamplingParams:
        """Sampling parameters of one turn: seeded, and ending where the template ends an action."""
        stops = tuple(dict.fromkeys((*self.params.stop_token_ids, *self.renderer.stop_token_ids)))
        return replace(self.params, stop_token_ids=stops, seed=seed << 16 | turn)


class AgentLoop:
    """Plays rollouts of an agent; keeps environments, and the count of failures, for the whole run.

    Args:
        make_env: called as often as episodes run at once; environments are reused.
        agent: the policy.
        limits: bounds of turns, episodes and the run.
    """

    def __init__(self, make_env: EnvFactory, agent: LLMAgent, limits: Limits | None = None) -> None:
        self.agent, self.limits = agent, limits or Limits()
        self.attempts = 0
        """Episodes begun, retries included."""
        self.failures = 0
        """Episodes that an infrastructure error ended."""
        self._make_env = make_env
        self._idle: dict[str, list[Episode]] = {}

    async def collect(
        self, specs: Sequence[RolloutSpec], on_group: Callable[[Group], None] | None = None
    ) -> list[Group]:
        """Play all `specs`; returns one group for each, in their order.

        Args:
            specs: what to play.
            on_group: called with each group when its last rollout has ended.

        Raises:
            RunStoppedError: too many infrastructure failures.
            ConfigError: not even the first prompt of a task fits the context.
        """
        places = asyncio.Semaphore(self.limits.concurrency)
        try:
            async with asyncio.TaskGroup() as tasks:
                groups = []
                for spec in specs:
                    rollouts = [tasks.create_task(self._rollout(spec, i, places)) for i in range(spec.rollouts)]
                    groups.append(tasks.create_task(_assemble(spec.task, rollouts, on_group)))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None  # the other tasks were cancelled because of it
        return [group.result() for group in groups]

    def close(self) -> None:
        """Close the environments."""
        for envs in self._idle.values():
            for env in envs:
                env.close()
        self._idle.clear()

    async def _rollout(self, spec: RolloutSpec, index: int, places: asyncio.Semaphore) -> list[list[Turn]]:
        """One rollout: the attempts at it, of which only the last may have got through."""
        attempts: list[list[Turn]] = []
        async with places:
            while len(attempts) <= self.limits.retries:
                attempts.append(await self._attempt(spec, index))
                if attempts[-1][-1].outcome.status != "infra_error":
                    break
        return attempts

    async def _attempt(self, spec: RolloutSpec, index: int) -> list[Turn]:
        self.attempts += 1
        idle = self._idle.setdefault(spec.task.env_id, [])
        env: Episode | None = None
        session = f"episode {next(_serial)}"
        turns: list[Turn] = []
        try:
            env = idle.pop() if idle else self._make_env(spec.task.env_id)
            await play_episode(env, self.agent, spec.task, spec.seed * 65_537 + index, self.limits, session, turns)
        except InfraError as error:
            turns.append(_failed(turns, str(error)))
            self._count_failure(turns[-1])
            if env is not None:
                env.close()  # its state is unknown
        else:
            idle.append(env)
        finally:
            self.agent.engine.release(session)
        return turns

    def _count_failure(self, turn: Turn) -> None:
        self.failures += 1
        rate = self.failures / self.attempts
        if self.attempts >= self.limits.failure_grace and rate > self.limits.failure_rate:
            raise RunStoppedError(
                f"{self.failures} of {self.attempts} episodes ended in an infrastructure error, more than the share "
                f"of {self.limits.failure_rate:.0%} allowed; the last: {turn.outcome.reason}"
            )


async def _assemble(
    task: Task, rollouts: Sequence[asyncio.Task[list[list[Turn]]]], on_group: Callable[[Group], None] | None
) -> Group:
    """The group of a task, in the order of its rollouts, whichever ended first."""
    group = Group(task)
    for rollout in rollouts:
        for turns in await rollout:
            group.graft(Group(task, turns))
    if on_group is not None:
        on_group(group)
    return group


async def play_episode(
    env: Episode, agent: LLMAgent, task: Task, seed: int, limits: Limits, session: str, turns: list[Turn]
) -> None:
    """Play one episode, appending its turns to `turns` as they are complete; the last one's outcome is final.

    Raises:
        InfraError: the engine or the environment failed, or a turn took too long; the turns so far stay.
        ConfigError: the first prompt does not fit the context.
    """
    renderer, engine, max_tokens = agent.renderer, agent.engine, agent.params.max_tokens
    room = min(limits.context_tokens, engine.max_context) - max_tokens
    async with _deadline(limits.turn_seconds):
        observation, _ = await env.reset_async(seed=task.seed, options={"task": task.task_id})
    prompt = renderer.first(observation)
    if len(prompt) > room:
        raise ConfigError(
            f"the first prompt of task {task.task_id} has {len(prompt)} tokens and the action may have {max_tokens}: "
            f"more than the context of {room + max_tokens}"
        )
    context: list[int] = []
    while True:
        begun = time.perf_counter()
        seen = len(context)
        context += prompt
        async with _deadline(limits.turn_seconds):
            completion = await engine.generate(context, agent.turn_params(seed, len(turns)), session)
            action = renderer.parse(completion.token_ids)
            feedback, _, _, _, info = await env.step_async(action)
        outcome: Outcome = info["outcome"]
        cost: dict[str, float] = {
            "prompt_tokens": len(context),
            "cached_tokens": seen,
            "completion_tokens": len(completion.token_ids),
        }
        context += completion.token_ids
        upcoming: list[int] = []
        if not outcome.done:
            upcoming = renderer.next(completion.token_ids, feedback)
            if len(turns) + 1 >= limits.turns:
                outcome = Outcome.truncated("max_turns")
            elif len(context) + len(upcoming) > room:
                outcome = Outcome.truncated("context")
        turns.append(
            Turn(
                parent=len(turns) - 1 if turns else None,
                prompt_ids=prompt,
                action_ids=completion.token_ids,
                logprobs=completion.logprobs,
                versions=completion.versions,
                observation=observation,
                action=action,
                rewards=dict(info["rewards"]),
                outcome=outcome,
                feedback=feedback,
                finish_reason=completion.finish_reason,
                cost=cost,
                seconds=time.perf_counter() - begun,
            )
        )
        if outcome.done:
            return
        observation, prompt = feedback, upcoming


def _failed(turns: list[Turn], cause: str) -> Turn:
    """The turn during which the infrastructure failed: it has no action, and takes part in nothing."""
    return Turn(
        parent=len(turns) - 1 if turns else None,
        prompt_ids=(),
        action_ids=(),
        logprobs=(),
        versions=(),
        observation=turns[-1].feedback if turns else "",
        action="",
        rewards={},
        outcome=Outcome.infra_error(cause),
    )


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds) as timer:
            yield
    except TimeoutError:
        if not timer.expired():
            raise  # somebody else's
        raise InfraError(f"no answer within {seconds:g} s") from None
