"""What the cheapest and the dearest executor alone make of a task: how hard it is, and what it may cost.

arXiv 2602.21227, boundary policies and difficulty taxonomy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from agentrl.types import Turn, total

Difficulty = Literal["easy", "hard", "intractable"]
HARD, COST = "hard", "cost"
"""Reward channels that are made from boundaries."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Means over several episodes of a task in which the same executor always acted."""

    success: float
    """Share that was solved."""
    cost: float
    """Dollars."""
    rewards: Mapping[str, float]
    """Sum over an episode of each reward channel of the environment."""

    @classmethod
    def of(cls, episodes: Sequence[Sequence[Turn]]) -> Self:
        """Of at least one episode."""
        channels = sorted({name for turns in episodes for turn in turns for name in turn.rewards})
        return cls(
            _mean([turns[-1].outcome.solved for turns in episodes]),
            _mean([money(turns) for turns in episodes]),
            {name: _mean([total(turns, name) for turns in episodes]) for name in channels},
        )


@dataclass(frozen=True, slots=True)
class Boundary:
    """The two ends of what routing can make of a task."""

    task_id: str
    small: Runs
    large: Runs
    threshold: float = 0.5
    """An executor is held to solve the task if it solved more than this share of its episodes."""

    @property
    def difficulty(self) -> Difficulty:
        """`easy`: the small executor solves it; `hard`: the large one alone does; `intractable`: neither."""
        if self.small.success > self.threshold:
            return "easy"
        return "hard" if self.large.success > self.threshold else "intractable"

    def excess(self, cost: float) -> float:
        """C_norm in [0, 1]: where a cost lies between those of the two ends.

        C_norm = clip((C − C_small) / (C_large − C_small), 0, 1). Where failing takes the small executor so long that it
        costs more, the ends change places: less is never held to be worse. 0 up to ends that are equal, then 1.
        """
        low, high = sorted((self.small.cost, self.large.cost))
        return min(max((cost - low) / (high - low), 0.0), 1.0) if high > low else float(cost > low)

    def anchors(self) -> list[dict[str, float]]:
        """Reward channels of the two reference episodes, for credit."""
        hard = float(self.difficulty == HARD)
        return [
            {**runs.rewards, HARD: runs.success * hard, COST: -self.excess(runs.cost)}
            for runs in (self.small, self.large)
        ]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`.

        Raises:
            KeyError, TypeError: `record` is none.
        """
        return cls(**{**record, "small": Runs(**record["small"]), "large": Runs(**record["large"])})


def money(turns: Sequence[Turn]) -> float:
    """Dollars that an episode cost."""
    return sum(turn.cost.get("money", 0.0) for turn in turns)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
