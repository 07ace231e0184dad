"""One episode: observation → tokens → engine → action → environment, turn by turn; and its replay after a failure.

An environment of the contract is a function of task and actions, so an episode that was interrupted goes on by playing
its actions again. Every turn carries a hash of what the environment showed after it; a replay that shows anything else
is an error, not an episode.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from agentrl.agents.engine import Engine
from agentrl.agents.render import Renderer
from agentrl.config import Price
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError, InfraError
from agentrl.types import Completion, Outcome, SamplingParams, Task, Turn


class ReplayError(InfraError):
    """An environment did not show again what it had shown; the episode has to begin anew."""


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
    """Episodes at a time."""
    retries: int = 2
    """How often a rollout that an infrastructure error ended is taken up again."""
    failure_rate: float = 0.2
    """Share of the latest attempts that may fail; beyond it the run stops …"""
    failure_grace: int = 20
    """… once so many attempts have been made."""


@dataclass(frozen=True, slots=True)
class LLMAgent:
    """A policy: an engine, how to talk to it, and how to sample."""

    engine: Engine
    renderer: Renderer
    params: SamplingParams = field(default_factory=SamplingParams)
    price: Price = field(default_factory=Price)

    def greedy(self) -> LLMAgent:
        """The same policy, taking the most likely tokens."""
        return replace(self, params=replace(self.params, temperature=0.0))

    def turn_params(self, seed: int, turn: int) -> SamplingParams:
        """Sampling parameters of one turn: seeded, and ending where the template ends an action."""
        stops = tuple(dict.fromkeys((*self.params.stop_token_ids, *self.renderer.stop_token_ids)))
        return replace(self.params, stop_token_ids=stops, seed=seed << 16 | turn)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an episode stands before its next action."""

    context: array[int]
    """All before `prompt`. The garbage collector, whose pauses are everybody's, looks into neither an array nor a tuple
    of numbers."""
    prompt: Sequence[int]
    """What was appended since the last action."""
    observation: str
    number: int
    """Turns so far."""

    @classmethod
    def at(cls, renderer: Renderer, past: Sequence[Turn], observation: str) -> Standing:
        """After some turns, of which the environment shows `observation`."""
        prompt = renderer.next(past[-1].action_ids, observation) if past else renderer.first(observation)
        context = array("i", (i for turn in past for i in (*turn.prompt_ids, *turn.action_ids)))
        return cls(context, prompt, observation, len(past))

    def whole(self) -> array[int]:
        """What the engine continues."""
        return self.context + array("i", self.prompt)

    def check_room(self, agent: LLMAgent, limits: Limits, task: Task) -> None:
        """Refuse a task whose first prompt does not fit.

        Raises:
            ConfigError: with the numbers.
        """
        room = _room(agent, limits)
        if len(self.context) + len(self.prompt) > room:
            raise ConfigError(
                f"the first prompt of task {task.task_id} has {len(self.prompt)} tokens and the action may have "
                f"{agent.params.max_tokens}: more than the context of {room + agent.params.max_tokens}"
            )

    def after(
        self,
        completion: Completion,
        action: str,
        feedback: str,
        info: Mapping[str, Any],
        agent: LLMAgent,
        limits: Limits,
    ) -> tuple[Turn, Standing]:
        """The turn that an action and what it brought make, and where the episode stands then.

        The turn's outcome says whether it goes on. It has no times yet, and its `parent` counts along the episode.
        """
        whole, outcome = self.whole(), info["outcome"]
        context = whole + array("i", completion.token_ids)
        upcoming: Sequence[int] = ()
        if not outcome.done:
            upcoming = agent.renderer.next(completion.token_ids, feedback)
            if self.number + 1 >= limits.turns:
                outcome = Outcome.truncated("max_turns")
            elif len(context) + len(upcoming) > _room(agent, limits):
                outcome = Outcome.truncated("context")
        cost: dict[str, float] = {
            "prompt_tokens": len(whole),
            "cached_tokens": len(self.context),
            "completion_tokens": len(completion.token_ids),
            **info.get("cost", {}),
        }
        if agent.price.given:
            cost["money"] = cost.get("money", 0.0) + agent.price.money(cost)
        turn = Turn(
            parent=self.number - 1 if self.number else None,
            prompt_ids=tuple(self.prompt),
            action_ids=completion.token_ids,
            logprobs=completion.logprobs,
            versions=completion.versions,
            observation=self.observation,
            action=action,
            rewards=dict(info["rewards"]),
            outcome=outcome,
            feedback=feedback,
            finish_reason=completion.finish_reason,
            cost=cost,
            state_hash=state_hash(feedback, info),
            actor=info.get("actor", ""),
        )
        return turn, Standing(context, upcoming, feedback, self.number + 1)


def _room(agent: LLMAgent, limits: Limits) -> int:
    """Most tokens before an action."""
    return min(limits.context_tokens, agent.engine.max_context) - agent.params.max_tokens


class Monitor(Protocol):
    """Follows one episode beside its environment, e.g. a judge: it may reward each turn, and end the episode."""

    async def __call__(self, turn: Turn, info: Mapping[str, Any]) -> None:
        """Look at a turn that is complete, and change its `rewards` and `outcome`.

        Replayed turns are shown as well, without what was said about them the first time: that has to come out again.

        Args:
            info: what the environment gave with it.

        Raises:
            InfraError: it cannot; the episode ends before this turn.
        """
        ...


async def play_episode(
    env: Episode,
    agent: LLMAgent,
    task: Task,
    seed: int,
    limits: Limits,
    session: str,
    past: Sequence[Turn],
    on_turn: Callable[[Turn], None],
    monitor: Monitor | None = None,
    *,
    opening: Callable[[Sequence[int]], Awaitable[Completion]] | None = None,
    queued_s: float = 0.0,
) -> None:
    """Play one episode to its end; the last turn's outcome is final.

    Args:
        past: turns of the same episode that were played before, the last one not final; they are replayed.
        on_turn: called with every further turn when it is complete. Its `parent` counts along the episode.
        monitor: sees every turn, in order.
        opening: gives the first action, after its prompt, in place of the engine.
        queued_s: how long the episode waited for its place.

    Raises:
        InfraError: engine, environment or monitor failed, or a turn took too long; the turns so far stay.
        ReplayError: environment or monitor do not do what they did before.
        ConfigError: the first prompt does not fit the context, or has pictures.
    """
    begun = time.perf_counter()
    observation = await _catch_up(env, task, past, limits, monitor)
    environment_s = time.perf_counter() - begun
    standing = Standing.at(agent.renderer, past, observation)
    standing.check_room(agent, limits, task)
    while True:
        params = agent.turn_params(seed, standing.number)
        async with deadline(limits.turn_seconds):
            asked = time.perf_counter()
            if opening is not None and standing.number == 0:
                completion = await opening(standing.prompt)
            else:
                completion = await agent.engine.generate(standing.whole(), params, session)
            answered = time.perf_counter()
            action = agent.renderer.parse(completion.token_ids)
            feedback, _, _, _, info = await env.step_async(action)
        now = time.perf_counter()
        environment_s += now - answered
        turn, standing = standing.after(completion, action, feedback, info, agent, limits)
        turn.seconds = now - begun
        turn.timing = {
            "queue": queued_s + completion.queue_s,
            "engine": answered - asked - completion.queue_s,
            "environment": environment_s,
        }
        begun = now
        if monitor is not None:
            await monitor(turn, info)
            begun = time.perf_counter()
            turn.timing["monitor"] = begun - now
        on_turn(turn)
        if turn.outcome.done:
            return
        environment_s, queued_s = 0.0, 0.0


async def _catch_up(env: Episode, task: Task, past: Sequence[Turn], limits: Limits, monitor: Monitor | None) -> str:
    """Bring environment and monitor to where the episode stands; returns what the environment shows there."""
    async with deadline(limits.turn_seconds):
        observation, info = await env.reset_async(seed=task.seed, options={"task": task.task_id})
    if "images" in info:
        raise ConfigError(
            f"{task.env_id} shows pictures, but this engine reads text: leave screenshots=true out of env.kwargs, or "
            "let a model that sees play, by `agentrl rollout --engine URL`"
        )
    if past and observation != past[0].observation:
        raise ReplayError(f"task {task.task_id} begins with another observation than before: {observation[:80]!r}")
    for number, turn in enumerate(past, 1):
        async with deadline(limits.turn_seconds):
            observation, _, _, _, info = await env.step_async(turn.action)
        if state_hash(observation, info) != turn.state_hash:
            raise ReplayError(
                f"task {task.task_id} replayed differently at turn {number} ({turn.action[:40]!r}): "
                f"{observation[:80]!r} instead of {turn.feedback[:80]!r}"
            )
        if monitor is not None:
            again = replace(turn, rewards=dict(info["rewards"]), outcome=info["outcome"])
            await monitor(again, info)
            if (again.rewards, again.outcome) != (turn.rewards, turn.outcome):
                raise ReplayError(f"task {task.task_id}: turn {number} is judged differently than before")
    return observation


def state_hash(observation: str, info: Mapping[str, Any]) -> str:
    """Hash of all that an environment shows of its state after a step: text, rewards, outcome, admissible commands."""
    outcome: Outcome = info["outcome"]
    rewards = sorted((name, float(value)) for name, value in info["rewards"].items())
    shown = [observation, outcome.status, outcome.success, outcome.reason, rewards, info.get("admissible_commands")]
    return hashlib.blake2b(json.dumps(shown).encode(), digest_size=8).hexdigest()


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Bound what is done within; raises InfraError beyond it."""
    try:
        async with asyncio.timeout(seconds) as timer:
            yield
    except TimeoutError:
        if not timer.expired():
            raise  # somebody else's
        raise InfraError(f"no answer within {seconds:g} s") from None
