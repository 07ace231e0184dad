"""RLOO: REINFORCE with the mean return of the other rollouts as baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from agentrl.trainers.credit.base import Array, Batch, Level, broadcast, centred, returns_of


def leave_one_out(returns: Array) -> Array:
    """(G,) A_i = R_i − 1/(G−1) Σ_{j≠i} R_j, arXiv 2402.14740, section 2.2; 0 for a single rollout.

    Computed as G/(G−1) · (R_i − mean R), which is the same.
    """
    g = len(returns)
    return centred(returns, std=False) * g / (g - 1) if g > 1 else np.zeros(g)


@dataclass(frozen=True, slots=True)
class RLOO:
    """Return against the mean of the others, the same on every turn of a rollout; see `leave_one_out`.

    A_{i,t} = R_i − 1/(G−1) Σ_{j≠i} R_j,  R_i = Σ_t r_{i,t}
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    level: ClassVar[Level] = "turn"
    whiten: ClassVar[bool] = False
    min_group: ClassVar[int] = 2

    def __call__(self, batch: Batch) -> list[list[Array]]:
        return [broadcast(group, leave_one_out(returns_of(group))) for group in batch]
