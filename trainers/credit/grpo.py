"""GRPO: a rollout is as good as its return compared with the other rollouts of the same task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agentrl.trainers.credit.base import Array, Batch, Level, broadcast, centred, returns_of


def group_relative(returns: Array, *, std: bool = True) -> Array:
    """(G,) A_i = (R_i − mean R) / (std R + 1e-6), arXiv 2402.03300, section 4.1.2 (outcome supervision).

    Without `std`: A_i = R_i − mean R, the unbiased variant of Dr. GRPO, arXiv 2503.20783, section 3.2.
    """
    return centred(returns, std=std)


@dataclass(frozen=True, slots=True)
class GRPO:
    """Return relative to the group, the same on every turn of a rollout; see `group_relative`.

    A_{i,t} = (R_i − mean R) / (std R + 1e-6),  R_i = Σ_t r_{i,t};  without `std`: A_{i,t} = R_i − mean R
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    level: ClassVar[Level] = "turn"
    whiten: ClassVar[bool] = False
    min_group: ClassVar[int] = 2

    std: bool = True
    """Whether to divide by the standard deviation of the group's returns."""

    def __call__(self, batch: Batch) -> list[list[Array]]:
        return [broadcast(group, group_relative(returns_of(group), std=self.std)) for group in batch]
