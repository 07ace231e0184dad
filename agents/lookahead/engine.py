"""What an engine must be able to do, beside sampling, for lookahead trees of tokens to grow in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from agentrl.agents.lookahead.options import TokenOptions
from agentrl.types import Completion, SamplingParams


@dataclass(frozen=True, slots=True)
class Branched:
    """A tree of tokens that has grown."""

    completions: tuple[Completion, ...]
    """(k,) the rollouts that it became.

    The log-probs are those of the policy at the sampling temperature, for the tokens that the tree chose as for those
    that were sampled: trees are trained as if they were on-policy data, as in the paper, whose trainer computes them
    anew. Engine and trainer then agree about them, and a correction makes up for older weights, not for the choice.
    """
    record: dict[str, Any]
    """See `TokenTree.record`."""


@runtime_checkable
class ForkingEngine(Protocol):
    """An engine in which a session may go on in several ways."""

    def fork(self, session: str, twin: str) -> None:
        """Begin the session `twin` with what is cached of `session`; from then on they share nothing."""
        ...

    def release(self, session: str) -> None: ...


@runtime_checkable
class BranchingEngine(Protocol):
    """An engine that grows trees of tokens."""

    def release(self, session: str) -> None: ...

    async def branch(
        self,
        prompt_ids: Sequence[int],
        params: SamplingParams,
        sessions: Sequence[str],
        options: TokenOptions,
        kept: Callable[[int], bool],
    ) -> Branched:
        """Sample k turns after one prompt from a lookahead tree.

        Args:
            prompt_ids: the whole context so far.
            params: of the rows once the tree is full; the tree itself looks at probabilities at temperature 1.
            sessions: k new ones, which hold the context of one turn each afterwards; the caller releases them.
            options: of the tree.
            kept: see `TokenTree`.

        Raises:
            InfraError: the engine failed.
            ConfigError: the context does not fit the engine.
        """
        ...
