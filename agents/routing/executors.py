"""Who acts for the router: frozen policies with a price, each of which sees the whole history, whoever acted."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from agentrl.agents.episode import LLMAgent
from agentrl.types import Completion

_serial = itertools.count()


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer cost."""

    prompt_tokens: int
    completion_tokens: int
    seconds: float
    money: float
    """Dollars."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What an executor would do next. It is paid for, done or not."""

    action: str
    usage: Usage
    confidence: float | None
    """Mean log-prob of its tokens; None where the executor does not tell."""


class Talk(Protocol):
    """One episode, as one executor sees it."""

    def worst(self) -> float | None:
        """Dollars that the next draft costs at most; None where it does not fit the executor's context."""
        ...

    async def draft(self, seed: int, turn: int) -> Draft:
        """What to do next: a function of the history, `seed` and `turn`.

        Raises:
            InfraError: the executor failed.
        """
        ...

    def hear(self, action: str, feedback: str, *, own: bool) -> None:
        """Append what was done, and what came of it.

        Args:
            own: whether that was the last draft.
        """
        ...

    def fork(self) -> Self:
        """The same talk, to be continued in another way."""
        ...

    def close(self) -> None:
        """Let go of what is kept for it."""
        ...


class Executor(Protocol):
    """Somebody who can act."""

    @property
    def name(self) -> str:
        """What the router says to let it act."""
        ...

    def begin(self, observation: str) -> Talk:
        """Begin an episode."""
        ...

    def close(self) -> None:
        """Let go of connections; no episode is playing."""
        ...


@dataclass(frozen=True, slots=True)
class AgentExecutor:
    """A policy in an engine: token in, token out, with the prices of its agent."""

    name: str
    agent: LLMAgent

    def begin(self, observation: str) -> AgentTalk:
        """See `Executor.begin`."""
        return AgentTalk(self.name, self.agent, self.agent.renderer.first(observation))

    def close(self) -> None:
        """See `Executor.close`. Its engine is somebody else's."""


class AgentTalk:
    """An episode in the tokens of one policy.

    What it sampled stands there as it was sampled; what others did as its own template would write it.
    """

    def __init__(self, name: str, agent: LLMAgent, ids: Sequence[int]) -> None:
        self._name, self._agent = name, agent
        self._session = f"{name} {next(_serial)}"
        self._ids = list(ids)
        self._known = 0
        """How many of `ids` the session has sent or got: those that a price for cached tokens is for."""
        self._last: Completion | None = None

    def worst(self) -> float | None:
        """See `Talk.worst`. The prompt is known exactly, the completion has at most `max_tokens`."""
        longest = self._agent.params.max_tokens
        return self._money(longest) if len(self._ids) + longest <= self._agent.engine.max_context else None

    async def draft(self, seed: int, turn: int) -> Draft:
        """See `Talk.draft`."""
        begun = time.perf_counter()
        done = await self._agent.engine.generate(self._ids, self._agent.turn_params(seed, turn), self._session)
        tokens = len(done.token_ids)
        usage = Usage(len(self._ids), tokens, time.perf_counter() - begun, self._money(tokens))
        self._last, self._known = done, len(self._ids)
        return Draft(self._agent.renderer.parse(done.token_ids), usage, sum(done.logprobs) / max(tokens, 1))

    def hear(self, action: str, feedback: str, *, own: bool) -> None:
        """See `Talk.hear`."""
        renderer = self._agent.renderer
        if own:
            assert self._last is not None
            done: Sequence[int] = self._last.token_ids
            self._known += len(done)
        else:
            done = renderer.action(action)
        self._ids += [*done, *renderer.next(done, feedback)]
        self._last = None

    def fork(self) -> AgentTalk:
        """See `Talk.fork`. The engine's cache stays with the original."""
        twin = AgentTalk(self._name, self._agent, self._ids)
        twin._last = self._last
        return twin

    def close(self) -> None:
        """See `Talk.close`."""
        self._agent.engine.release(self._session)

    def _money(self, completion_tokens: int) -> float:
        return self._agent.price.money(
            {
                "prompt_tokens": len(self._ids),
                "cached_tokens": self._known,
                "completion_tokens": completion_tokens,
            }
        )
