"""Which tasks to train on next: kinds whose groups still disagree are drawn more often.

A group in which every rollout earns the same has no advantage and teaches nothing. The share of groups that are alive
is tracked for each kind of task (`TextEnv.kind`), and kinds are drawn in proportion to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

DECAY = 0.9
"""Weight of the past in the running share, per observed group."""
FLOOR = 0.15
"""No kind's share counts less: a kind that was mastered or hopeless is looked at again."""


@dataclass(slots=True)
class Curriculum:
    """Draws task ids of one split. Its state is `alive`, which goes into checkpoints."""

    ids: Sequence[str]
    kind: Callable[[str], str]
    balance: bool = True
    alive: dict[str, float] = field(default_factory=dict)
    """Running share of groups with unequal returns, by kind; 1 before the first group."""

    def draw(self, count: int, rng: np.random.Generator) -> list[str]:
        """`count` task ids; the same generator state and history give the same ids."""
        drawn: list[str] = []
        while len(drawn) < count:
            task_id = self.ids[int(rng.integers(len(self.ids)))]
            if not self.balance or rng.random() < self._weight(self.kind(task_id)):
                drawn.append(task_id)
        return drawn

    def observe(self, task_id: str, returns: Sequence[float]) -> None:
        """Take note of the returns of one group's rollouts; without any (infrastructure errors) it says nothing."""
        if not returns:
            return
        kind = self.kind(task_id)
        alive = float(max(returns) - min(returns) > 1e-6)
        self.alive[kind] = DECAY * self.alive.get(kind, 1.0) + (1 - DECAY) * alive

    def _weight(self, kind: str) -> float:
        top = max(self.alive.values(), default=1.0)
        return max(self.alive.get(kind, 1.0), FLOOR) / max(top, FLOOR, self.alive.get(kind, 1.0))
