"""A lookahead tree that grows in the slots of the embedded engine: every row of it is a session."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from agentrl.agents.lookahead.tree import Branch, TokenTree, Top
from agentrl.agents.sessions import Offer, Request, Session
from agentrl.types import SamplingParams


@dataclass(slots=True, eq=False)
class Grove:
    """The tree, and which session holds which row."""

    tree: TokenTree
    name: str
    params: SamplingParams
    seed: int
    over: asyncio.Future[None]
    """Done when the tree grows no more."""
    sessions: dict[Branch, Session]

    def name_of(self, branch: Branch) -> str:
        return f"{self.name} branch {branch.number}"

    def request(self, branch: Branch, prompt_length: int, parent: Request | None = None) -> Request:
        """The request of a row, which goes on where its parent stands."""
        rng = np.random.default_rng((self.seed, branch.number))
        request = Request(
            self.params,
            prompt_length,
            rng.random(self.params.max_tokens).tolist(),
            asyncio.get_running_loop().create_future(),
            leader=self,
        )
        if parent is not None:
            request.queue_s = parent.queue_s
            request.logprobs, request.versions = list(parent.logprobs), list(parent.versions)
        return request

    @property
    def ready(self) -> bool:
        """Whether every live row knows what may come next."""
        return all(self._request(branch).offer is not None for branch in self.tree.live)

    def offers(self) -> list[Offer]:
        """Take what may come next, of every live row."""
        offers = []
        for branch in self.tree.live:
            request = self._request(branch)
            assert request.offer is not None
            offers.append(request.offer)
            request.offer = None
        return offers

    @property
    def leaves(self) -> list[Session]:
        """Of the rows that were not pruned."""
        return [self.sessions[branch] for branch in self.tree.rows]

    def end(self) -> None:
        """Let the rows go on by themselves."""
        for branch in self.tree.rows:
            self._request(branch).leader = None
        self.over.set_result(None)

    def _request(self, branch: Branch) -> Request:
        request = self.sessions[branch].request
        assert request is not None
        return request


def offers(logits: Tensor, temperatures: Sequence[float], count: int, version: int) -> list[Offer]:
    """The `count` most likely tokens of each row (R, V) of logits.

    Args:
        temperatures: (R,) at which their log-probs are given; at 0: those of 1.
    """
    with torch.inference_mode():
        logits = logits.float()
        raw, ids = logits.log_softmax(-1).topk(count, dim=-1)
        scale = torch.tensor([t or 1.0 for t in temperatures], device=logits.device)[:, None]
        logprobs = (logits / scale).log_softmax(-1).gather(1, ids)
    return [
        Offer(Top(tuple(i), tuple(p)), dict(zip(i, lp, strict=True)), version)
        for i, p, lp in zip(ids.tolist(), raw.exp().tolist(), logprobs.tolist(), strict=True)
    ]
