"""From ranks to rewards; ArenaRL, arXiv 2601.06487, section on quantile rewards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

Ties = Literal["average", "competition", "stretched"]


def quantile_rewards(ranks: Sequence[int | None], ties: Ties = "average") -> list[float | None]:
    """r_i = 1 − rank_i / (N − 1) for the N players that have a rank, from 1 for the best to 0 for the last.

    Args:
        ranks: competition ranks from 0; None for a player without one, who gets no reward.
        ties: what equal players get, of which the paper says nothing. `average`: the mean of what they share, so that
            the mean of a group is always 1/2 (released code for Swiss). `competition`: what the best of them would get.
            `stretched`: 1 − rank / max rank, 0 where all are equal (released code for round-robin and anchor).
    """
    known = Counter(rank for rank in ranks if rank is not None)
    last = max(known, default=0) if ties == "stretched" else known.total() - 1

    def reward(rank: int) -> float:
        if last <= 0:
            return 0.0
        place = rank + (known[rank] - 1) / 2 if ties == "average" else rank
        return 1 - place / last

    return [None if rank is None else reward(rank) for rank in ranks]
