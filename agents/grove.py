"""A lookahead tree that grows in the slots of the embedded engine: every row of it is a session."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from agentrl.agents.lookahead.tree import Branch, Offer, TokenTree, Top
from agentrl.agents.sessions import Request, Session
from agentrl.agents.slots import Slots
from agentrl.types import Completion, SamplingParams


class Grove:
    """A tree, and which session holds which row.

    Args:
        tree: to be grown.
        slots: of the engine.
        name: that no other tree has.
        prompt: after which it grows.
        params: of the rows, once they go on by themselves.
        seed: of their sampling.
    """

    def __init__(
        self, tree: TokenTree, slots: Slots, name: str, prompt: list[int], params: SamplingParams, seed: int
    ) -> None:
        self.tree = tree
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the tree grows no more."""
        self._slots, self._name, self._params, self._seed = slots, name, params, seed
        (trunk,) = tree.branches
        held = slots.open(self._name_of(trunk))
        held.ids, held.cuts, held.request = prompt, (len(prompt),), self._request(trunk, len(prompt))
        self._sessions: dict[Branch, Session] = {trunk: held}

    @property
    def ready(self) -> bool:
        """Whether every live row knows what may come next."""
        return all(self._sessions[branch].running.offer is not None for branch in self.tree.live)

    def grow(self) -> tuple[int, int]:
        """One step; returns how many tokens were sampled, and how many of those sampled before are lost by it."""
        tree = self.tree
        given: dict[Branch, Offer] = {}
        for branch in tree.live:
            request = self._sessions[branch].running
            assert request.offer is not None
            given[branch], request.offer = request.offer, None
        growth = tree.step([offer.top for offer in given.values()])
        for branch in growth.born:
            assert branch.parent is not None
            self._bear(branch, branch.parent)
            given[branch] = given[branch.parent]
        for branch, offer in given.items():
            token = branch.tokens[-1]
            self._sessions[branch].take(token, offer.logprobs[token], offer.version)
        for branch in growth.pruned:
            self._slots.release(self._name_of(branch))
        if not tree.grows:
            self._end()
        return len(given), sum(branch.own for branch in growth.pruned)

    async def harvest(self, sessions: Sequence[str]) -> list[Completion]:
        """What the rollouts are, once they are complete; their sessions get these names."""
        await self.over
        rows = self.tree.rows
        completions = await asyncio.gather(*(self._sessions[branch].completed() for branch in rows))
        for branch, name, completion in zip(rows, sessions, completions, strict=True):
            branch.tokens = list(completion.token_ids)
            self._slots.rename(self._name_of(branch), name)
            self._sessions[branch].request = None
        return completions

    def close(self) -> None:
        """Forget what nobody harvested."""
        for branch in self.tree.branches:
            self._slots.release(self._name_of(branch))

    def _end(self) -> None:
        """Let all rows go on by themselves, as many as there shall be."""
        for branch in self.tree.pad():
            assert branch.parent is not None
            source, twin = self._sessions[branch.parent].running, self._bear(branch, branch.parent)
            if source.done.done():
                twin.done.set_result(source.done.result())
        for branch in self.tree.rows:
            self._sessions[branch].running.leader = None
        self.over.set_result(None)

    def _bear(self, branch: Branch, parent: Branch) -> Request:
        """Give a new row its slot; it stands where its parent stands."""
        source = self._sessions[parent]
        held = self._sessions[branch] = self._slots.fork(source, self._name_of(branch))
        before = source.running
        request = held.request = self._request(branch, before.prompt_length)
        request.queue_s = before.queue_s
        request.logprobs, request.versions = list(before.logprobs), list(before.versions)
        return request

    def _request(self, branch: Branch, prompt_length: int) -> Request:
        rng = np.random.default_rng((self._seed, branch.number))
        uniforms = rng.random(self._params.max_tokens).tolist()
        done = asyncio.get_running_loop().create_future()
        return Request(self._params, prompt_length, uniforms, done, leader=self)

    def _name_of(self, branch: Branch) -> str:
        return f"{self._name} branch {branch.number}"


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
