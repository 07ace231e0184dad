"""The engine contract: token in, token out.

An engine turns a token prefix into a sampled continuation. It never sees text: what the policy sampled is what the
trainer trains on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from agentrl.errors import ConfigError
from agentrl.types import Completion, SamplingParams


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Result of `publish`: every replica holds `version`, or `publish` raised."""

    version: int
    replicas: int
    seconds: float
    gap: float = 0.0
    """Largest mean |log π_replica − log π_trainer| on the probe over the replicas; 0 where the weights are the
    trainer's own."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What the trainer's weights say about a fixed text; a server that says the same holds the same weights."""

    token_ids: tuple[int, ...]
    """(L,), L ≥ 2."""
    logprobs: tuple[float, ...]
    """(L − 1,) of each token but the first given all before it, at temperature 1."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What one version of the policy says about a target after each of several prefixes."""

    logprobs: tuple[tuple[float, ...], ...]
    """For each prefix, of each token of the target; at temperature 1."""
    version: int


@dataclass(frozen=True, slots=True)
class EngineStats:
    """Counts since the engine was made; differences between two of them describe the time between."""

    busy_s: float = 0.0
    """Wall time in which it worked on at least one request."""
    scoring_s: float = 0.0
    """Wall time in which it worked on at least one call of `score_many`."""
    tokens: int = 0
    """Sampled."""
    requests: int = 0
    """Turns completed."""
    resumed: int = 0
    """Generations that were cut (by new weights, or by the end of a replica) and continued from their tokens."""
    discarded: int = 0
    """Sampled tokens that nobody received."""
    replicas: int = 1
    """That take requests now."""


class Engine(Protocol):
    """Samples from, scores with, and receives new weights of one policy. All coroutines belong to one event loop."""

    @property
    def version(self) -> int:
        """Policy version of the weights now held."""
        ...

    @property
    def max_context(self) -> int:
        """Longest context, prompt and completion together, in tokens."""
        ...

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        """Sample one turn after `prompt_ids`, the whole context so far.

        Calls of one `session` that extend its previous prompt and completion reuse the cached prefix.

        Raises:
            InfraError: the engine failed; the caller gives the turn the outcome `infra_error`.
            ConfigError: the context does not fit the engine.
        """
        ...

    async def score(self, prefix_ids: Sequence[int], target_ids: Sequence[int]) -> tuple[float, ...]:
        """Log-probs, at temperature 1, of each target token given all before it; as many as `target_ids`."""
        ...

    async def score_many(
        self, context_ids: Sequence[int], cuts: Sequence[int], target_ids: Sequence[int], session: str
    ) -> Scores:
        """Score one target after several prefixes of a context: the same as `score(context_ids[:cut], target_ids)`.

        All by the same weights: where new ones come in between, it begins anew. What is cached for the `session` may be
        used, and stays.

        Args:
            context_ids: of the session, or any other.
            cuts: lengths of the prefixes, at least 1 each.
            target_ids: at least one.
            session: as in `generate`, which must not run in it at the same time; the caller releases it.

        Raises:
            InfraError: the engine failed.
            ConfigError: a prefix and the target do not fit the engine.
        """
        ...

    @property
    def takes(self) -> Literal["weights", "adapters"]:
        """What `publish` wants: all weights, or those of the LoRA adapters alone."""
        ...

    async def start(self) -> None:
        """Make ready; called once, before anything else.

        Raises:
            ConfigError: a server cannot do what is asked of it; the message names the missing route or flag.
            InfraError: no server answers.
        """
        ...

    async def publish(self, weights: Mapping[str, Any], version: int, probe: Probe | None = None) -> SyncReport:
        """Take new weights (name → tensor) as policy `version`; the prefix caches of older versions are dropped.

        Generations in flight go on; each of their tokens carries the version that sampled it. When this returns, every
        replica in use holds the weights, which servers prove by the `probe`.

        Raises:
            RunStoppedError: a replica does not hold what was published.
            InfraError: no replica is left.
        """
        ...

    def stats(self) -> EngineStats:
        """What it has done so far."""
        ...

    async def close(self) -> None:
        """Let go of connections and tasks; servers stay."""
        ...

    def release(self, session: str) -> None:
        """Forget a session's cache. Unknown sessions are ignored."""
        ...


def check_context(prompt: int, more: int, limit: int, remedy: str) -> None:
    """Refuse a request that does not fit.

    Args:
        prompt: its tokens.
        more: tokens to sample or score.
        limit: of both together.
        remedy: what to do, apart from shorter episodes.

    Raises:
        ConfigError: one of the two is empty, or they exceed the limit.
    """
    if prompt < 1 or more < 1:
        raise ConfigError("the engine needs at least one token of prompt, and one to sample or score")
    if prompt + more > limit:
        raise ConfigError(
            f"{prompt} tokens of prompt and up to {more} after it exceed the context of {limit}; "
            f"shorten the episodes (limits), or {remedy}"
        )
