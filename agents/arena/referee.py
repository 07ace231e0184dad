"""Has the matches of one tournament judged, and keeps what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from agentrl.agents.arena.record import Match, Stage
from agentrl.errors import InfraError

Compare = Callable[[int, int], Awaitable[tuple[float, float]]]
"""Scores of two players, given by their numbers; an InfraError where none can be had."""

Scores = tuple[float, float]


class Referee:
    """Judges every pair once, the matches of a round at the same time.

    A comparison that fails is excluded: it counts in no mean, and the pair is not asked about again.

    Args:
        players: how many there are.
        compare: judges two of them.
    """

    def __init__(self, players: int, compare: Compare) -> None:
        self.players = players
        self.matches: list[Match] = []
        self._compare = compare
        self._judged: dict[tuple[int, int], Scores | str] = {}
        """By the lesser number first; the cause where it failed."""
        self.rounds = 0

    @property
    def comparisons(self) -> int:
        """Pairs that were judged."""
        return len(self._judged) - self.failures

    @property
    def failures(self) -> int:
        """Pairs that no judgement could be had of."""
        return sum(isinstance(found, str) for found in self._judged.values())

    async def round(
        self, stage: Stage, pairs: Sequence[tuple[int, int]], byes: Iterable[int] = (), *, knockout: bool = False
    ) -> list[Match]:
        """Play a round; returns its matches in the order of `pairs`.

        Args:
            byes: players that sit it out.
            knockout: somebody has to go on. Of equal scores the first of the pair does; where the comparison failed,
                the one with the better mean score in others, or nobody if neither has any.
        """
        self.rounds += 1
        await asyncio.gather(*(self._judge(*pair) for pair in set(map(_key, pairs))))
        matches = [self._match(stage, pair, knockout) for pair in pairs]
        self.matches += [*matches, *(Match(stage, self.rounds, (player,)) for player in byes)]
        return matches

    def scores(self, player: int) -> list[float]:
        """What a player scored in each of its comparisons."""
        found = [(pair, scores) for pair, scores in self._judged.items() if not isinstance(scores, str)]
        return [scores[pair.index(player)] for pair, scores in found if player in pair]

    def mean(self, player: int) -> float:
        """Mean score of a player over its comparisons; 0 where there are none."""
        scores = self.scores(player)
        return sum(scores) / len(scores) if scores else 0.0

    async def _judge(self, i: int, j: int) -> None:
        if (i, j) in self._judged:
            return
        try:
            self._judged[i, j] = await self._compare(i, j)
        except InfraError as error:
            self._judged[i, j] = str(error) or type(error).__name__

    def _match(self, stage: Stage, pair: tuple[int, int], knockout: bool) -> Match:
        found = self._judged[_key(pair)]
        if isinstance(found, str):
            known = [i for i in pair if knockout and self.scores(i)]
            return Match(stage, self.rounds, pair, winner=max(known, key=self.mean, default=None), failure=found)
        first, second = scores = found if pair[0] < pair[1] else found[::-1]
        if first == second and not knockout:
            return Match(stage, self.rounds, pair, scores)
        winner = pair[0] if first >= second else pair[1]
        return Match(stage, self.rounds, pair, scores, winner)


def _key(pair: tuple[int, int]) -> tuple[int, int]:
    return min(pair), max(pair)
