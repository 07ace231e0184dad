"""Which tokens the rows of a lookahead tree go on with: births, prunes, and when to stop (arXiv 2510.24302, section 3).

Pure decisions on given probabilities. An engine calls `step` with those of every live row, makes the rows that are born
and forgets the ones that are pruned, until the tree no longer `grows`; then it calls `pad`, and all rows go on by
ordinary sampling.

Rows that live or are over never are more than k, and copies are made of the longest row. So a step samples at most as
many tokens as there are rollouts, among the k that the tree becomes, that are longer than the step. Summed up, and with
what was pruned: tokens sampled ≤ Σ lengths of the k rollouts, which is what plain sampling of them would have cost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agentrl.agents.lookahead.options import TokenOptions
from agentrl.agents.lookahead.similarity import says_the_same

Fate = Literal["live", "over", "pruned"]


@dataclass(frozen=True, slots=True)
class Top:
    """The most likely next tokens of a row, in descending order."""

    tokens: tuple[int, ...]
    """(m,)."""
    probabilities: tuple[float, ...]
    """(m,) at temperature 1."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What may come next in a row of a lookahead tree."""

    top: Top
    logprobs: Mapping[int, float]
    """Of each token of `top`, at the sampling temperature."""
    version: int
    """Of the weights that say so."""


@dataclass(slots=True, eq=False)
class Branch:
    """One row of the tree."""

    number: int
    parent: Branch | None
    born: int
    """Tokens that it shares with its parent."""
    tokens: list[int] = field(default_factory=list)
    """All since the prompt."""
    fate: Fate = "live"
    copy: bool = False
    """Made by padding."""

    @property
    def own(self) -> int:
        """How many of its tokens are not its parent's."""
        return len(self.tokens) - self.born


@dataclass(frozen=True, slots=True)
class Growth:
    """What a step changed, beside one token more in every row."""

    born: list[Branch]
    """In the order of their numbers; they hold their first token already."""
    pruned: list[Branch]
    """Descendants included; never one that was just born."""


class TokenTree:
    """A tree of at most `width` rows.

    Args:
        width: k.
        options: thresholds.
        stop_token_ids: end a row.
        max_tokens: end a row, too.
        kept: tells of a token whether branches beside it are exempt from pruning (`TokenOptions.keep`).
    """

    def __init__(
        self,
        width: int,
        options: TokenOptions,
        stop_token_ids: Collection[int],
        max_tokens: int,
        kept: Callable[[int], bool] = lambda token: False,
    ) -> None:
        self.width, self.options = width, options
        self.branches = [Branch(0, None, 0)]
        """All that ever were, in the order of their births."""
        self.suppressed = 0
        """Branches for which there was no room."""
        self.steps = 0
        self.grows = True
        self._stops, self._max_tokens, self._kept = frozenset(stop_token_ids), max_tokens, kept
        self._last_birth = 0

    @property
    def rows(self) -> list[Branch]:
        """Those that were not pruned: the rollouts that the tree becomes."""
        return [b for b in self.branches if b.fate != "pruned"]

    @property
    def live(self) -> list[Branch]:
        """Rows that want a token."""
        return [b for b in self.branches if b.fate == "live"]

    def step(self, tops: Sequence[Top]) -> Growth:
        """Continue every live row by its most likely token, and branch where another is about as likely.

        Args:
            tops: of each row of `live`, in that order.
        """
        live = self.live
        chosen = self._choose(list(zip(live, tops, strict=True)))
        born = []
        for row, token in chosen:
            child = Branch(len(self.branches), row, self.steps, [*row.tokens, token])
            self.branches.append(child)
            born.append(child)
            self._last_birth = self.steps
        for row, top in zip(live, tops, strict=True):
            row.tokens.append(top.tokens[0])
        self.steps += 1
        for row in (*live, *born):
            if row.tokens[-1] in self._stops or len(row.tokens) == self._max_tokens:
                row.fate = "over"
        pruned = self._prune()
        self.grows = bool(self.live) and not self._finished(self.steps)
        alive = [b for b in born if b.fate != "pruned"]
        return Growth(alive, [b for b in pruned if b not in born])

    def certain(self, row: Branch) -> int:
        """How many more tokens of a live row are wanted whatever they are: before them, no test of it or of those that
        it came from, and no end of the tree. The row itself may end.
        """
        looks = self.options.lookahead
        until = min(self.steps + max(looks) + 1, self._max_tokens)  # a birth puts the end off by that much
        sure = next((at for at in range(self.steps + 1, until) if self._finished(at)), until) - self.steps
        branch = row
        while branch.parent is not None:
            sure = min([sure, *(r - branch.own for r in looks if r > branch.own)])
            branch = branch.parent
        return sure

    def pad(self) -> list[Branch]:
        """Fill up to k with copies of the longest row, the first of them; returns the copies.

        The paper copies the first row. They differ where that one ended before others: a copy of an ended row could not
        become anything else by sampling, and would make the rollouts cheaper than the tree.
        """
        rows = self.rows
        source = max(rows, key=lambda b: len(b.tokens))
        copies = []
        for _ in range(self.width - len(rows)):
            copies.append(
                Branch(len(self.branches), source, len(source.tokens), [*source.tokens], source.fate, copy=True)
            )
            self.branches.append(copies[-1])
        return copies

    def record(self) -> dict[str, Any]:
        """The tree as JSON values, for reports; lengths are those reached so far.

        `leaves` counts the rollouts that it became. `tokens` were sampled, `wasted` those of pruned branches, and
        `returned` are those of the rollouts, as if nothing were shared. Of each branch: `number`, `parent`, `born` and
        `length` (tokens from the prompt to its beginning and end), `fate` (`leaf`, `pruned` or `copy`), and the `token`
        that it began with.
        """
        pruned = [b for b in self.branches if b.fate == "pruned"]
        return {
            "level": "token",
            "width": self.width,
            "steps": self.steps,
            "branched": sum(not b.copy for b in self.branches) - 1,
            "pruned": len(pruned),
            "suppressed": self.suppressed,
            "leaves": len(self.rows),
            "copies": sum(b.copy for b in self.branches),
            "tokens": sum(b.own for b in self.branches),
            "wasted": sum(b.own for b in pruned),
            "returned": sum(len(b.tokens) for b in self.rows),
            "branches": [
                {
                    "number": b.number,
                    "parent": None if b.parent is None else b.parent.number,
                    "born": b.born,
                    "length": len(b.tokens),
                    "fate": "pruned" if b.fate == "pruned" else "copy" if b.copy else "leaf",
                    "token": None if b.copy or b.parent is None else b.tokens[b.born],
                }
                for b in self.branches
            ],
        }

    def _choose(self, rows: Sequence[tuple[Branch, Top]]) -> list[tuple[Branch, int]]:
        """The branches that are opened now: parent and first token."""
        options = self.options
        found = [
            (rank, place, top.probabilities[rank])
            for place, (_, top) in enumerate(rows)
            for rank in range(1, min(options.candidates, len(top.tokens)))
            if top.probabilities[rank] > options.tau_abs
            and top.probabilities[0] - top.probabilities[rank] < options.tau_rel
        ]
        found.sort(key=(lambda c: (-c[2], c[0], c[1])) if options.suppress == "probability" else lambda c: c[:2])
        room = max(self.width - len(self.rows), 0)
        self.suppressed += len(found[room:])
        return [(rows[place][0], rows[place][1].tokens[rank]) for rank, place, _ in found[:room]]

    def _prune(self) -> list[Branch]:
        gone: list[Branch] = []
        for branch in self.branches:  # parents before children
            if branch.fate == "pruned" or branch.parent is None:
                continue
            if branch.parent.fate == "pruned" or self._is_redundant(branch, branch.parent):
                branch.fate = "pruned"
                gone.append(branch)
        return gone

    def _is_redundant(self, branch: Branch, parent: Branch) -> bool:
        here = slice(branch.born, self.steps)
        mine, theirs = branch.tokens[here], parent.tokens[here]
        if len(mine) not in self.options.lookahead or not len(mine) == len(theirs) == self.steps - branch.born:
            return False
        if not self._stops.isdisjoint(mine) or not self._stops.isdisjoint(theirs) or self._kept(theirs[0]):
            return False
        return says_the_same(mine, theirs, self.options)

    def _finished(self, steps: int) -> bool:
        """Whether nothing is left to be found after so many steps, with the rows of now."""
        if steps >= self.options.max_steps:
            return True
        full = self.options.full - self.options.full_decay * steps / self._max_tokens
        settled = steps > self._last_birth + max(self.options.lookahead)
        return settled and len(self.rows) >= round(self.width * full)
