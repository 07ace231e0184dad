"""One target after many prefixes of a context, in one forward pass.

    in the cache   x₁ x₂ x₃ x₄ x₅ x₆ x₇ …
    fed            x₃ a₁ a₂ | x₆ a₁ a₂ | …      the target a₁ a₂ a₃ after the prefixes x₁…x₃ and x₁…x₆

Each copy begins with the last token of its prefix, whose output is the belief in a₁. It sees the prefix before that
token, itself, and no other copy; its positions go on from the prefix. That makes attention exact. A short convolution
has no mask: before each copy stand as many columns that are no tokens as it looks back, and it finds in them what came
last in the prefix (see `Append.pasts`).

The idea is that of arXiv 2510.14967, appendix: there the context is computed in the same pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from agentrl.agents.ragged_cache import Append
from agentrl.agents.sessions import MAX_PASS_TOKENS, Session

MAX_LOGITS = 1 << 26
"""Log-probs, one for each token of the vocabulary, that are held at a time."""


def choose(sessions: Sequence[Session], pads: int, vocabulary: int) -> list[tuple[Session, Sequence[int]]]:
    """Which copies go into the next pass: some sessions, and the cuts of each; at least one."""
    limit = max(1, min(MAX_PASS_TOKENS, MAX_LOGITS // vocabulary))
    chosen: list[tuple[Session, Sequence[int]]] = []
    widest = 0
    for held in sorted(sessions, key=lambda s: -_rest(s, pads)):
        scoring = held.scoring
        assert scoring is not None
        count = max(1, limit // (len(scoring.target) + pads))
        cuts = scoring.cuts[len(scoring.logprobs) :][:count]
        widest = max(widest, len(cuts) * (len(scoring.target) + pads))
        if chosen and widest * (len(chosen) + 1) > limit:
            break
        chosen.append((held, cuts))
    return chosen


def _rest(held: Session, pads: int) -> int:
    assert held.scoring is not None
    return (len(held.scoring.cuts) - len(held.scoring.logprobs)) * (len(held.scoring.target) + pads)


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


def lay_out(chosen: Sequence[tuple[Session, Sequence[int]]], pads: int, device: torch.device) -> Copies:
    """Lay out the copies of each session behind what it has cached.

    Args:
        chosen: sessions that have their whole contexts cached and, where `pads`, their marks.
        pads: columns before each copy; 0 where there are no convolutions.
    """
    width = max(len(cuts) * (len(held.scoring.target) + pads) for held, cuts in chosen if held.scoring)
    starts = torch.tensor([held.cached for held, _ in chosen], device=device)
    storage = starts[:, None] + torch.arange(width, device=device)
    reach = int(starts.max()) + width
    ids, positions, prefix = ([[0] * width for _ in chosen] for _ in range(3))
    first = [list(range(width)) for _ in chosen]  # what is no token sees itself alone
    outputs: list[tuple[int, int, int]] = []
    pasts: list[tuple[int, list[int]]] = []
    for row, (held, cuts) in enumerate(chosen):
        assert held.scoring is not None
        target = held.scoring.target
        for number, cut in enumerate(cuts):
            begin = number * (len(target) + pads) + pads
            columns = slice(begin, begin + len(target))
            ids[row][columns] = [held.ids[cut - 1], *target[:-1]]
            positions[row][columns] = range(cut - 1, cut - 1 + len(target))
            prefix[row][columns] = [cut - 1] * len(target)
            first[row][columns] = [begin] * len(target)
            outputs += [(row, begin + i, token) for i, token in enumerate(target)]
            pasts.append((row, list(range(begin - pads, begin))))
    keys = torch.arange(reach, device=device)
    own = (keys >= (starts[:, None] + torch.tensor(first, device=device))[:, :, None]) & (keys <= storage[:, :, None])
    marks = [held.marks[cut - 1] for held, cuts in chosen for cut in cuts] if pads else []
    append = Append(
        slots=torch.tensor([held.slot for held, _ in chosen], device=device),
        contiguous=all(held.slot == i for i, (held, _) in enumerate(chosen)),
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
