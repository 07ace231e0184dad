"""Tournaments that nobody leaves: round-robin, all against an anchor, Swiss; arXiv 2601.06487."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from agentrl.agents.arena.referee import Referee

Keys = list[tuple[float, ...] | None]
"""What players are ranked by, the greatest first; None for those that have no rank."""

ANCHOR = 0


async def round_robin(referee: Referee, rng: random.Random) -> Keys:
    """Everybody against everybody, N(N − 1)/2 comparisons: ranked by the share of matches won, a tie being half a win.

    A failed comparison counts for neither. Who has no other has no rank.
    """
    won: list[list[float]] = [[] for _ in range(referee.players)]
    for match in await referee.round("league", list(itertools.combinations(range(referee.players), 2))):
        if match.scores is not None:
            for player in match.players:
                won[player].append(_points(player, match.winner))
    return [(sum(points) / len(points),) if points else None for points in won]


async def anchor(referee: Referee, rng: random.Random) -> Keys:
    """Everybody against player 0, N − 1 comparisons: ranked by what each scores there, player 0 by its mean score.

    Whose comparison fails has no rank.
    """
    await referee.round("league", [(ANCHOR, i) for i in range(1, referee.players)])
    return [(referee.mean(i),) if referee.scores(i) else None for i in range(referee.players)]


async def swiss(referee: Referee, rng: random.Random) -> Keys:
    """⌈log₂ N⌉ rounds between players of about the same points: ranked by points, then by those of past opponents.

    A win gives a point, as does a bye, and a tie half of one. Nobody meets twice or has two byes. The first round is
    drawn by lot. Where comparisons failed, points and those of opponents are scaled to the number of rounds and
    matches that were to be; who has no comparison has no rank.
    """
    players = range(referee.players)
    rounds = (referee.players - 1).bit_length()
    points: list[list[float]] = [[] for _ in players]
    opponents: list[list[int]] = [[] for _ in players]
    """Of comparisons that did not fail."""
    played = [0] * referee.players
    met = set[frozenset[int | None]]()
    order = rng.sample(players, len(players))

    def share(player: int) -> float:
        return sum(points[player]) / len(points[player]) if points[player] else 0.0

    for _ in range(rounds):
        standing: list[int | None] = [*sorted(order, key=share, reverse=True)]
        if len(standing) % 2:
            standing.append(None)  # whoever is paired with it has the bye: the last one that had none
        pairs = _pairing(standing, met)
        assert pairs is not None  # by Dirac's theorem, as each has met fewer than half of the others
        met.update(map(frozenset, pairs))
        byes = [i for i, j in pairs if i is not None and j is None]
        for player in byes:
            points[player].append(1.0)
        matches = await referee.round("league", [(i, j) for i, j in pairs if i is not None and j is not None], byes)
        for match in matches:
            for player, other in (match.players, match.players[::-1]):
                played[player] += 1
                if match.scores is not None:
                    points[player].append(_points(player, match.winner))
                    opponents[player].append(other)

    def buchholz(player: int) -> float:
        return sum(share(other) * rounds for other in opponents[player]) * played[player] / len(opponents[player])

    return [(share(i) * rounds, buchholz(i)) if opponents[i] else None for i in players]


def _points(player: int, winner: int | None) -> float:
    return 0.5 if winner is None else float(winner == player)


def _pairing(
    standing: Sequence[int | None], met: set[frozenset[int | None]]
) -> list[tuple[int | None, int | None]] | None:
    """Pair each with the nearest that it has not met, so that all are paired; None where that cannot be."""
    if not standing:
        return []
    first, *rest = standing
    for place, other in enumerate(rest):
        if frozenset((first, other)) not in met:
            others = _pairing(rest[:place] + rest[place + 1 :], met)
            if others is not None:
                return [(first, other), *others]
    return None
