"""Tournaments that players leave when they lose: seeded single elimination, double elimination; arXiv 2601.06487.

Players are ranked by the round in which they left, then by their mean score. Where a match is a tie the better seed
goes on. Where it could not be judged, the two are told apart by their other comparisons, as players that leave in the
same round are; who has had none withdraws, and has no rank.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

from agentrl.agents.arena.leagues import ANCHOR, Keys
from agentrl.agents.arena.record import Stage
from agentrl.agents.arena.referee import Referee


async def single_elimination(referee: Referee, rng: random.Random) -> Keys:
    """Seeds from comparisons with player 0, then one loss to leave: 2N − 2 comparisons at most.

    Who meets player 0 again is not judged again; whose seeding failed comes last in it.
    """
    players = range(referee.players)
    await referee.round("seeding", [(ANCHOR, i) for i in players[1:]])
    bracket = _Bracket(referee, sorted(players, key=lambda i: (not referee.scores(i), -referee.mean(i))))
    await bracket.down_to(1, "bracket", bracket.order())
    return bracket.keys()


async def double_elimination(referee: Referee, rng: random.Random) -> Keys:
    """Two losses to leave, seeds drawn by lot: 2N − 2 comparisons at most.

    Who loses goes on in a bracket of losers, whose winner plays the final against the one never beaten. A final that
    the latter loses is not repeated: a pair is judged once.
    """
    bracket = _Bracket(referee, rng.sample(range(referee.players), referee.players))
    unbeaten, beaten = bracket.order(), list[int]()
    while len(unbeaten) > 1:
        unbeaten, lost = await bracket.round("bracket", unbeaten)
        beaten = await bracket.down_to(len(lost), "losers", beaten)
        # Those who come down last meet those furthest from where they came from.
        pairs = itertools.zip_longest(beaten, lost[::-1])
        beaten, lost = await bracket.round("losers", [i for pair in pairs for i in pair if i is not None])
        bracket.leave(lost)
    beaten = await bracket.down_to(1, "losers", beaten)
    _, lost = await bracket.round("final", [*unbeaten, *beaten])
    bracket.leave(lost)
    return bracket.keys()


def bracket_order(size: int) -> list[int]:
    """Seeds from 0 in the order in which neighbours are paired, so that the best meet last.

    The bracket is that of the next power of two, without the seeds that are absent.
    """
    order = [0]
    while len(order) < size:
        order = [seed for upper in order for seed in (upper, 2 * len(order) - 1 - upper)]
    return [seed for seed in order if seed < size]


class _Bracket:
    """Who is where.

    Args:
        seeds: players, the best seed first.
    """

    def __init__(self, referee: Referee, seeds: Sequence[int]) -> None:
        self._referee, self._seeds = referee, seeds
        self._left: dict[int, int] = {}
        """The round after which a player was out."""

    def order(self) -> list[int]:
        """All players in the order of the bracket."""
        return [self._seeds[seed] for seed in bracket_order(len(self._seeds))]

    async def round(self, stage: Stage, players: Sequence[int]) -> tuple[list[int], list[int]]:
        """Pair neighbours, the odd one out at the end having a bye; returns who goes on and who lost."""
        if len(players) < 2:
            return list(players), []
        order = sorted(range(len(players)), key=lambda place: (place // 2, self._seeds.index(players[place])))
        listed = [players[place] for place in order]  # the better seed of a pair first
        pairs = list(zip(listed[::2], listed[1::2], strict=False))
        matches = await self._referee.round(stage, pairs, listed[2 * len(pairs) :], knockout=True)
        beaten = {i for match in matches for i in match.players if i != match.winner}
        return [i for i in players if i not in beaten], [i for i in players if i in beaten and self._referee.scores(i)]

    async def down_to(self, size: int, stage: Stage, players: list[int]) -> list[int]:
        """Play until so many are left; who loses is out."""
        while len(players) > max(size, 1):
            players, lost = await self.round(stage, players)
            self.leave(lost)
        return players

    def leave(self, players: Sequence[int]) -> None:
        """They are out after the latest round."""
        self._left |= dict.fromkeys(players, self._referee.rounds)

    def keys(self) -> Keys:
        """By the round of leaving, then by mean score."""
        return [
            (self._left.get(i, math.inf), self._referee.mean(i)) if self._referee.scores(i) else None
            for i in range(self._referee.players)
        ]
