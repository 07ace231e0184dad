"""BoPO: a rollout against its group and against what one executor alone makes of the task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from agentrl.trainers.credit.base import ANCHORS, Array, Batch, Level, broadcast, centred, returns_of


def reference_guided(returns: Array, anchors: Array, *, std: bool = True) -> Array:
    """(G,) A_i = (R_i − mean S) / (std S + 1e-6), S = {R_1, …, R_G} ∪ `anchors`; arXiv 2602.21227.

    The formula is our reading: the paper's body gives the statistics and leaves the estimator open.

    Args:
        std: whether to divide by the standard deviation.
    """
    return centred(returns, std=std, sample=np.concatenate([returns, anchors]))


@dataclass(frozen=True, slots=True)
class BoPO:
    """Return relative to the group and the boundary policies of its task; see `reference_guided`.

    A_{i,t} = (R_i − mean S) / (std S + 1e-6),  S = {R_1, …, R_G, R_small, R_large},  R_i = Σ_t r_{i,t}

    R_small and R_large are what always-small and always-large earn in the task on average. They are constants: a group
    that fails cheaply throughout still hears that the task can be solved, and one that succeeds dearly that it can be
    solved for less.
    """

    std: bool = True
    """Whether to divide by std S. Where all rollouts solve the task, or none does, that takes λ out: the least
    difference in cost then weighs as much as success does elsewhere."""

    needs: ClassVar[frozenset[str]] = frozenset({ANCHORS})
    level: ClassVar[Level] = "turn"
    whiten: ClassVar[bool] = False
    min_group: ClassVar[int] = 1

    def __call__(self, batch: Batch) -> list[list[Array]]:
        return [
            broadcast(group, reference_guided(returns_of(group), group[0].anchors, std=self.std)) if len(group) else []
            for group in batch
        ]
