"""GiGPO: groups inside the group. Turns of different rollouts that faced the same observation are compared too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from agentrl.trainers.credit.base import Array, Batch, Level, Rollout, centred, check_unit, discounted, returns_of


def anchor_relative(returns: Sequence[Array], anchors: Sequence[Sequence[str]], *, std: bool) -> list[Array]:
    """Step advantages A^S, arXiv 2505.10978, equations 6 and 7: [(T_1,), …, (T_G,)].

    Args:
        returns: discounted return to go of each turn of each rollout, [(T_1,), …, (T_G,)].
        anchors: the state in which each turn acted, same lengths; equal strings make one step group.
        std: divide by the step group's standard deviation (F_norm = std), else F_norm = 1.

    A state met once has nobody to be compared with: exactly 0.
    """
    members: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for i, states in enumerate(anchors):
        for t, state in enumerate(states):
            members[state].append((i, t))
    advantages = [np.zeros(len(r)) for r in returns]
    for where in members.values():
        relative = centred(np.array([returns[i][t] for i, t in where]), std=std)
        for (i, t), a in zip(where, relative, strict=True):
            advantages[i][t] = a
    return advantages


@dataclass(frozen=True, slots=True)
class GiGPO:
    """The episode's advantage in its group plus the step's among equal states; arXiv 2505.10978, equations 3 to 8.

        A_{i,t} = A^E_i + w A^S_{i,t}
        A^E_i = (R_i − mean R) / F,              R_i = Σ_t r_{i,t}
        A^S_{i,t} = (R_{i,t} − mean_S R) / F_S,  R_{i,t} = Σ_{k≥t} γ^(k−t) r_{i,k},  S: turns with the same observation

    F = 1 (`mean_norm`), or the standard deviation plus 1e-6 (`mean_std_norm`). A^S = 0 where S has one member.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    level: ClassVar[Level] = "turn"
    whiten: ClassVar[bool] = False
    min_group: ClassVar[int] = 2

    gamma: float = 0.95
    """Discount per turn inside A^S; A^E uses the undiscounted return."""
    w: float = 1.0
    norm: Literal["mean_norm", "mean_std_norm"] = "mean_norm"
    """F_norm = 1, or the standard deviation of each group."""
    episode_mean: Literal["rollouts", "turns"] = "rollouts"
    """Statistics of A^E over rollouts (the paper), or over turns, where long episodes weigh more (its code)."""

    def __post_init__(self) -> None:
        check_unit(gamma=self.gamma)

    def __call__(self, batch: Batch) -> list[list[Array]]:
        return [self._group(group) for group in batch]

    def _group(self, group: Sequence[Rollout]) -> list[Array]:
        std = self.norm == "mean_std_norm"
        returns = returns_of(group)
        sample = np.repeat(returns, [len(r.turns) for r in group]) if self.episode_mean == "turns" else None
        episode = centred(returns, std=std, sample=sample)
        step = anchor_relative(
            [discounted(r.rewards, self.gamma) for r in group],
            [[turn.observation for turn in r.turns] for r in group],
            std=std,
        )
        return [e + self.w * s for e, s in zip(episode, step, strict=True)]
