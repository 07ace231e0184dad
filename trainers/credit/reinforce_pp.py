"""REINFORCE++: no critic and no comparison inside a group; the whole batch sets the scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agentrl.trainers.credit.base import Array, Batch, Level, broadcast, centred, check_unit, discounted, returns_of


@dataclass(frozen=True, slots=True)
class ReinforcePP:
    """Return to go of each turn, whitened over all action tokens of the batch; arXiv 2501.03262, section 3.

        A_{i,t} = (R_{i,t} − mean R) / √(var R + 1e-8),  R_{i,t} = Σ_{k≥t} γ^(k−t) r_{i,k}

    With `baseline` (REINFORCE++-baseline, for several rollouts per task): R_{i,t} = R_i − mean R of the group,
    R_i = Σ_k r_{i,k}.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    level: ClassVar[Level] = "turn"
    whiten: ClassVar[bool] = True

    baseline: bool = False
    gamma: float = 1.0
    """Discount per turn of the return to go; has no part in the baseline variant."""

    def __post_init__(self) -> None:
        check_unit(gamma=self.gamma)

    @property
    def min_group(self) -> int:
        return 2 if self.baseline else 1

    def __call__(self, batch: Batch) -> list[list[Array]]:
        if self.baseline:
            return [broadcast(group, centred(returns_of(group), std=False)) for group in batch]
        return [[discounted(rollout.rewards, self.gamma) for rollout in group] for group in batch]
