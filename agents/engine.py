"""The engine contract: token in, token out.

An engine turns a token prefix into a sampled continuation. It never sees text: what the policy sampled is what the
trainer trains on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agentrl.types import Completion, SamplingParams


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Result of `publish`: every replica holds `version`, or `publish` raised."""

    version: int
    replicas: int
    seconds: float


class Engine(Protocol):
    """Samples from, scores with, and receives new weights of one policy."""

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

    async def publish(self, weights: Mapping[str, Any], version: int) -> SyncReport:
        """Take new weights (name → tensor) as policy `version`; the prefix caches of older versions are dropped."""
        ...

    def release(self, session: str) -> None:
        """Forget a session's cache. Unknown sessions are ignored."""
        ...
