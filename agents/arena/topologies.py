"""The ways to hold a tournament, by name."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from agentrl.agents.arena.elimination import double_elimination, single_elimination
from agentrl.agents.arena.leagues import Keys, anchor, round_robin, swiss
from agentrl.agents.arena.record import Tournament, ranks_of
from agentrl.agents.arena.referee import Compare, Referee
from agentrl.errors import UnknownNameError

Topology = Callable[[Referee, random.Random], Awaitable[Keys]]

TOPOLOGIES: dict[str, Topology] = {
    "round_robin": round_robin,
    "anchor": anchor,
    "single_elimination": single_elimination,
    "double_elimination": double_elimination,
    "swiss": swiss,
}
USE_ANCHOR = frozenset({"anchor", "single_elimination"})
"""Those in which player 0 has a part of its own."""


async def hold(topology: str, players: int, compare: Compare, seed: int = 0) -> Tournament:
    """Hold a tournament.

    Args:
        topology: a name of `TOPOLOGIES`.
        players: N ≥ 2.
        compare: called once for each pair that meets, for the pairs of a round at the same time.
        seed: of what is drawn by lot.

    Raises:
        UnknownNameError: there is no such topology.
        ValueError: fewer than two players.
    """
    if topology not in TOPOLOGIES:
        raise UnknownNameError("topology", topology, TOPOLOGIES)
    if players < 2:
        raise ValueError(f"{players} players: nobody to compare with")
    referee = Referee(players, compare)
    keys = await TOPOLOGIES[topology](referee, random.Random(seed))
    return Tournament(topology, tuple(referee.matches), ranks_of(keys), referee.comparisons, referee.failures)


def most_comparisons(topology: str, players: int) -> int:
    """How many pairs a tournament of N players judges at most, if none fails.

    Raises:
        UnknownNameError: there is no such topology.
    """
    n = players
    most = {
        "round_robin": n * (n - 1) // 2,
        "anchor": n - 1,
        "single_elimination": 2 * n - 2,
        "double_elimination": 2 * n - 2,
        "swiss": (n - 1).bit_length() * (n // 2),
    }
    if topology not in most:
        raise UnknownNameError("topology", topology, most)
    return most[topology]
