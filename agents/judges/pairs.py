"""Judges that compare two trajectories of one task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agentrl.types import Task, Turn

Scores = tuple[float, float]


class PairJudge(Protocol):
    """Scores two trajectories against each other. The same two in the same order get the same scores."""

    async def scores(self, task: Task, first: Sequence[Turn], second: Sequence[Turn]) -> Scores:
        """Score of the first and of the second trajectory; the greater is the better.

        Raises:
            InfraError: no judgement could be had.
        """
        ...


class ScoreJudge(Protocol):
    """Scores one trajectory by itself."""

    async def score(self, task: Task, turns: Sequence[Turn]) -> float:
        """The greater is the better.

        Raises:
            InfraError: no judgement could be had.
        """
        ...
