"""A lookahead tree that grows on servers which know no trees: its rows are continued ahead of it, a stretch a request.

As long as a tree grows, its rows take their most likely tokens. So what may come next in a row, and next in that, is no
matter of chance, and one request at temperature 0 tells many steps of it. Every request is for as many tokens as the
tree wants in any case (`TokenTree.certain`): nothing is sampled that the embedded engine would not sample.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from agentrl.agents.lookahead.engine import Branched
from agentrl.agents.lookahead.options import TokenOptions
from agentrl.agents.lookahead.tree import Branch, Offer, TokenTree, Top
from agentrl.agents.together import together
from agentrl.types import Completion, FinishReason, SamplingParams


class Generate(Protocol):
    """How tokens are asked for."""

    async def __call__(
        self, prompt_ids: Sequence[int], params: SamplingParams, *, top: int = 0
    ) -> tuple[Completion, Sequence[Mapping[int, float]]]:
        """What comes after a context, and the log-probs of the `top` most likely tokens at each place."""
        ...


@dataclass(slots=True)
class _Row:
    """What is known of a row beside its tokens."""

    logprobs: list[float] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    queue_s: float = 0.0
    ahead: deque[Offer] = field(default_factory=deque)
    """What the tree may choose from at the next steps, if it takes the most likely token at each."""

    def twin(self) -> _Row:
        return _Row([*self.logprobs], [*self.versions], self.queue_s)


class Espalier:
    """A tree, and what servers have said of its rows.

    Args:
        width: k.
        options: of the tree.
        kept: see `TokenTree`.
        prompt: after which it grows.
        params: of the rows, once they go on by themselves: at temperature 0 or 1, and with a seed.
        generate: asks the replica that all of them talk to.
    """

    def __init__(
        self,
        width: int,
        options: TokenOptions,
        kept: Callable[[int], bool],
        prompt: Sequence[int],
        params: SamplingParams,
        generate: Generate,
    ) -> None:
        self.chosen = 0
        """Tokens that no request sampled: the first ones of branches."""
        self.discarded = 0
        """Tokens of rows that were pruned."""
        self._tree = TokenTree(width, options, params.stop_token_ids, params.max_tokens, kept)
        self._prompt, self._params, self._generate = prompt, params, generate
        self._rows = {self._tree.branches[0]: _Row()}

    async def grow(self) -> Branched:
        """The whole tree, and the rollouts that it becomes.

        Raises:
            InfraError: what a request ended with.
        """
        tree = self._tree
        while tree.grows:
            if not all(self._rows[branch].ahead for branch in tree.live):
                await together(self._look_ahead(branch) for branch in tree.live)
            self._step()
        for branch in tree.pad():
            assert branch.parent is not None
            self._rows[branch] = self._rows[branch.parent].twin()
        completions = await together(self._complete(branch) for branch in tree.rows)
        for branch, completion in zip(tree.rows, completions, strict=True):
            branch.tokens = list(completion.token_ids)
        return Branched(tuple(completions), tree.record())

    def _step(self) -> None:
        given = {branch: self._rows[branch].ahead.popleft() for branch in self._tree.live}
        growth = self._tree.step([offer.top for offer in given.values()])
        for branch in growth.born:
            assert branch.parent is not None
            self._rows[branch] = self._rows[branch.parent].twin()
            given[branch] = given[branch.parent]
        for branch, offer in given.items():
            row = self._rows[branch]
            row.logprobs.append(offer.logprobs[branch.tokens[-1]])
            row.versions.append(offer.version)
        self.chosen += len(growth.born)
        self.discarded += sum(branch.own for branch in growth.pruned)

    async def _look_ahead(self, branch: Branch) -> None:
        """Ask for all that is certain to be wanted of a row, if half of it is missing."""
        row = self._rows[branch]
        path = [offer.top.tokens[0] for offer in row.ahead]
        certain = self._tree.certain(branch)
        if 2 * len(path) > certain or (path and path[-1] in self._params.stop_token_ids):
            return
        params = dataclasses.replace(self._params, temperature=0.0, max_tokens=certain - len(path))
        done, tops = await self._generate(
            [*self._prompt, *branch.tokens, *path], params, top=self._tree.options.candidates
        )
        row.queue_s += done.queue_s
        for token, logprob, version, top in zip(done.token_ids, done.logprobs, done.versions, tops, strict=True):
            logprobs = {token: logprob, **top}
            probabilities = tuple(math.exp(p) for p in logprobs.values())
            row.ahead.append(Offer(Top(tuple(logprobs), probabilities), logprobs, version))

    async def _complete(self, branch: Branch) -> Completion:
        """Let a row go on by itself."""
        row, params = self._rows[branch], self._params
        if branch.fate == "over":
            reason: FinishReason = "stop" if branch.tokens[-1] in params.stop_token_ids else "length"
            return Completion(tuple(branch.tokens), tuple(row.logprobs), tuple(row.versions), reason, row.queue_s)
        rest = dataclasses.replace(
            params, max_tokens=params.max_tokens - len(branch.tokens), seed=_seed(params.seed, branch.number)
        )
        done, _ = await self._generate([*self._prompt, *branch.tokens], rest)
        return Completion(
            (*branch.tokens, *done.token_ids),
            (*row.logprobs, *done.logprobs),
            (*row.versions, *done.versions),
            done.finish_reason,
            row.queue_s + done.queue_s,
        )


def _seed(seed: int | None, number: int) -> int:
    """Of one row."""
    assert seed is not None
    return int(np.random.SeedSequence(seed % (1 << 63), spawn_key=(number,)).generate_state(1, np.uint64)[0])
