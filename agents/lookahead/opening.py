"""The first turns of a group's rollouts, from one lookahead tree of tokens.

All rollouts of a group begin with the same prompt: there the tree grows. Later prompts differ, as the environment has
answered different actions by then, so further turns are sampled one by one; branches at their borders are the business
of `agentrl.agents.lookahead.turns`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from agentrl.agents.episode import LLMAgent
from agentrl.agents.lookahead.engine import Branched, BranchingEngine
from agentrl.agents.lookahead.options import TokenOptions
from agentrl.errors import InfraError
from agentrl.types import Completion, SamplingParams

_serial = itertools.count()


class Opening:
    """Grows the tree when the first rollout asks, for all that will.

    Args:
        agent: whose engine grows it.
        options: of the tree.
        width: k, rollouts that take their first turn from it.
        seed: of the group.
        on_record: called with the record of the tree before any rollout gets its turn.
    """

    def __init__(
        self,
        agent: LLMAgent,
        options: TokenOptions,
        width: int,
        seed: int,
        on_record: Callable[[dict[str, Any]], None],
    ) -> None:
        assert isinstance(agent.engine, BranchingEngine)
        self._engine: BranchingEngine = agent.engine
        self._agent, self._options, self._on_record = agent, options, on_record
        self._params: SamplingParams = agent.turn_params(seed * 65_537, 0)
        name = f"tree {next(_serial)}"
        self.sessions = [f"{name} leaf {i}" for i in range(width)]
        """In which the rollouts go on: what was computed for their first turn is there."""
        self._prompt: list[int] = []
        self._tree: asyncio.Task[Branched] | None = None

    async def turn(self, rollout: int, prompt: Sequence[int]) -> Completion:
        """The first turn of a rollout.

        Raises:
            InfraError: the engine failed, and the next one who asks makes it try again; or the rollout does not begin
                with the same prompt as the others.
        """
        if self._tree is None or _failed(self._tree):
            self._prompt = list(prompt)
            self._tree = asyncio.create_task(self._grow())
        elif list(prompt) != self._prompt:
            raise InfraError("rollouts of one task begin with different observations: no tree can be theirs")
        return (await asyncio.shield(self._tree)).completions[rollout]

    def close(self) -> None:
        """Forget what no rollout took."""
        if self._tree is not None:
            self._tree.cancel()
        for session in self.sessions:
            self._engine.release(session)

    async def _grow(self) -> Branched:
        branched = await self._engine.branch(self._prompt, self._params, self.sessions, self._options, self._kept)
        self._on_record(branched.record)
        return branched

    def _kept(self, token: int) -> bool:
        text = self._agent.renderer.parse([token])
        return bool(text) and set(text) <= set(self._options.keep)


def _failed(tree: asyncio.Task[Branched]) -> bool:
    return tree.done() and (tree.cancelled() or tree.exception() is not None)
