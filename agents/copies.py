"""One target after many prefixes of a context, in one forward pass.

    in the cache   x₁ x₂ x₃ x₄ x₅ x₆ x₇ …
    fed            x₃ a₁ a₂ | x₆ a₁ a₂ | …      the target a₁ a₂ a₃ after the prefixes x₁…x₃ and x₁…x₆

Each copy begins with the last token of its prefix, whose output is the belief in a₁. It sees the prefix before that
token, itself, and no other copy; its positions go on from the prefix. That makes attention exact. A short convolution
has no mask: before each copy stand as many columns that are no tokens as it looks back, and it finds in them what came
last in the prefix (see `Append.pasts`).

The idea is that of arXiv 2510.14967, where the context is computed in the same pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from agentrl.agents.ragged_cache import Append
from agentrl.agents.sessions import MAX_PASS_TOKENS, Scoring, Session

MAX_LOGITS = 1 << 26
"""Log-probs, one for each token of the vocabulary, that are held at a time."""


@dataclass(frozen=True, slots=True)
class Share:
    """What the next pass does of one `score_many`."""

    held: Session
    scoring: Scoring
    cuts: Sequence[int]
    """At least one."""

    def width(self, pads: int) -> int:
        """Columns of all copies."""
        return len(self.cuts) * (len(self.scoring.target) + pads)


def choose(asking: Sequence[tuple[Session, Scoring]], pads: int, vocabulary: int) -> list[Share]:
    """Which copies go into the next pass: of some sessions, at least of one."""
    limit = max(1, min(MAX_PASS_TOKENS, MAX_LOGITS // vocabulary))
    shares = []
    for held, scoring in asking:
        most = max(1, limit // (len(scoring.target) + pads))
        shares.append(Share(held, scoring, scoring.cuts[len(scoring.logprobs) :][:most]))
    shares.sort(key=lambda share: -share.width(pads))
    return shares[: max(1, limit // shares[0].width(pads))]


@dataclass(frozen=True, slots=True)
class Copies:
    """A forward pass over R rows, one for each session, of up to T columns."""

    ids: Tensor
    """(R, T)"""
    positions: Tensor
    """(R, T) of the tokens in their contexts."""
    visible: Tensor
    """(R, T, reach) whether the token sees the key."""
    append: Append
    rows: Tensor
    """(N,) rows and …"""
    columns: Tensor
    """… columns of the tokens whose outputs are asked for, copy by copy, …"""
    targets: Tensor
    """… and the tokens that should follow them."""


def lay_out(shares: Sequence[Share], pads: int, device: torch.device) -> Copies:
    """Lay out the copies of each session behind what it has cached.

    Args:
        shares: of sessions that have their whole contexts cached and, where `pads`, their marks.
        pads: columns before each copy; 0 where there are no convolutions.
    """
    width = max(share.width(pads) for share in shares)
    starts = torch.tensor([share.held.cached for share in shares], device=device)
    storage = starts[:, None] + torch.arange(width, device=device)
    reach = max(share.held.cached for share in shares) + width
    ids, positions, prefix = ([[0] * width for _ in shares] for _ in range(3))
    first = [list(range(width)) for _ in shares]  # what is no token sees itself alone
    outputs: list[tuple[int, int, int]] = []
    pasts: list[tuple[int, list[int]]] = []
    for row, share in enumerate(shares):
        target = share.scoring.target
        for number, cut in enumerate(share.cuts):
            begin = number * (len(target) + pads) + pads
            columns = slice(begin, begin + len(target))
            ids[row][columns] = [share.held.ids[cut - 1], *target[:-1]]
            positions[row][columns] = range(cut - 1, cut - 1 + len(target))
            prefix[row][columns] = [cut - 1] * len(target)
            first[row][columns] = [begin] * len(target)
            outputs += [(row, begin + i, token) for i, token in enumerate(target)]
            pasts.append((row, list(range(begin - pads, begin))))
    keys = torch.arange(reach, device=device)
    own = (keys >= (starts[:, None] + torch.tensor(first, device=device))[:, :, None]) & (keys <= storage[:, :, None])
    marks = [share.held.marks[cut - 1] for share in shares for cut in share.cuts] if pads else []
    append = Append(
        slots=torch.tensor([share.held.slot for share in shares], device=device),
        contiguous=all(share.held.slot == i for i, share in enumerate(shares)),
        starts=starts,
        counts=torch.zeros_like(starts),
        positions=storage,
        reach=reach,
        pasts=(
            torch.tensor([row for row, _ in pasts], device=device),
            torch.tensor([columns for _, columns in pasts], device=device),
            {layer: torch.stack([mark[layer] for mark in marks]) for layer in marks[0]},
        )
        if marks
        else None,
    )
    rows, at, targets = torch.tensor(outputs, device=device).unbind(1)
    return Copies(
        ids=torch.tensor(ids, device=device),
        positions=torch.tensor(positions, device=device),
        visible=own | (keys < torch.tensor(prefix, device=device)[:, :, None]),
        append=append,
        rows=rows,
        columns=at,
        targets=targets,
    )
