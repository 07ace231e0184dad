"""What the embedded engine keeps of its sessions, and which of them it feeds together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor

from agentrl.agents.engine import Scores
from agentrl.agents.lookahead.tree import Offer
from agentrl.types import Completion, FinishReason, SamplingParams

if TYPE_CHECKING:
    from agentrl.agents.grove import Grove

MAX_PASS_TOKENS = 4096
"""Tokens of one forward pass, padding included; longer prompts are fed in several."""
PASS_OVERHEAD_TOKENS = 64
"""Padding that costs about as much as one more forward pass of a small model on a CPU."""


@dataclass(slots=True, eq=False)
class Request:
    """One running `generate`, or one row of a `branch`."""

    params: SamplingParams
    prompt_length: int
    uniforms: list[float]
    """One random number per token, drawn beforehand: sampling does not depend on what else is in the batch."""
    done: asyncio.Future[FinishReason]
    begun: float = field(default_factory=time.perf_counter)
    queue_s: float | None = None
    """Until the first pass that computed something for it."""
    logprobs: list[float] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    leader: Grove | None = None
    """The tree that chooses its tokens, as long as it grows."""
    offer: Offer | None = None
    """What the tree may choose from; until it has, nothing is computed."""

    @property
    def waits(self) -> bool:
        """Whether it wants a forward pass."""
        return self.offer is None and not self.done.done()


@dataclass(slots=True, eq=False)
class Scoring:
    """One running `score_many`."""

    cuts: Sequence[int]
    target: Sequence[int]
    done: asyncio.Future[Scores]
    version: int
    """Of the weights that gave the `logprobs`."""
    logprobs: list[tuple[float, ...]] = field(default_factory=list)
    """Of the target after the first prefixes."""


@dataclass(slots=True, eq=False)
class Session:
    """One growing context. Its first `cached` ids are in the cache."""

    slot: int
    ids: list[int] = field(default_factory=list)
    cached: int = 0
    request: Request | None = None
    scoring: Scoring | None = None
    cuts: Sequence[int] = ()
    """Lengths of prefixes after which something may be scored."""
    marks: dict[int, Mapping[int, Tensor]] = field(default_factory=dict)
    """The last inputs of each short convolution after so many tokens: one less than each cut."""

    def take(self, token: int, logprob: float, version: int) -> None:
        """The request got its next token, which may be its last."""
        request = self.running
        self.ids.append(token)
        request.logprobs.append(logprob)
        request.versions.append(version)
        if token in request.params.stop_token_ids:
            request.done.set_result("stop")
        elif len(request.logprobs) == request.params.max_tokens:
            request.done.set_result("length")

    async def completed(self) -> Completion:
        """What the request sampled, once it is complete."""
        request = self.running
        reason = await request.done
        return Completion(
            tuple(self.ids[request.prompt_length :]),
            tuple(request.logprobs),
            tuple(request.versions),
            reason,
            request.queue_s or 0.0,
        )

    @property
    def running(self) -> Request:
        """The request that there is."""
        assert self.request is not None
        return self.request

    def check_idle(self, name: str) -> None:
        if self.request is not None or self.scoring is not None:
            raise RuntimeError(f"session {name!r} is already generating or scoring")


Batch = list[tuple[Session, int]]
"""Sessions, and how many further ids each is fed."""


def batches(behind: Batch) -> list[Batch]:
    """Sessions in batches of like lengths: little padding, few passes. Long ones are fed in part."""
    found: list[Batch] = []
    waste = 0
    for held, rest in sorted(behind, key=lambda b: -b[1]):
        count = min(rest, MAX_PASS_TOKENS)
        if found:
            width = found[-1][0][1]
            waste += width - count
            if waste <= PASS_OVERHEAD_TOKENS and width * (len(found[-1]) + 1) <= MAX_PASS_TOKENS:
                found[-1].append((held, count))
                continue
        found.append([(held, count)])
        waste = 0
    return found
