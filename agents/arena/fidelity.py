"""How well each topology finds the order that everybody against everybody finds, and the true one, under noise."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from agentrl.agents.arena.record import Tournament
from agentrl.agents.arena.topologies import TOPOLOGIES, hold, most_comparisons

Array = npt.NDArray[np.float64]


def measure(players: Sequence[int], noises: Sequence[float], seeds: int) -> list[dict[str, Any]]:
    """One row for each number of players, noise and topology, the mean over all seeds.

    Qualities are q ~ N(0, 1). A trajectory's score in each of the two orders of a comparison is q + noise · N(0, 1),
    drawn once for each pair, so that all topologies of a seed see the same verdicts.

    Returns:
        `players`, `noise`, `topology`, `comparisons`, `most` (the formula), and against `round_robin` and `latent`
        order: Kendall's τ-b (`tau_…`), and how often the best player is the best there (`top_…`).
    """
    return [row for n in players for noise in noises for row in _rows(n, noise, seeds)]


def cells(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """What `measure` returned as a table, its header first."""
    header = ["players", "noise", "topology", "comparisons", "τ to round-robin", "same best", "τ to truth", "true best"]
    return [
        header,
        *(
            [
                str(row["players"]),
                f"{row['noise']:g}",
                row["topology"].replace("_", " "),
                f"{row['comparisons']:.1f}",
                f"{row['tau_round_robin']:.2f}",
                f"{row['top_round_robin']:.0%}",
                f"{row['tau_latent']:.2f}",
                f"{row['top_latent']:.0%}",
            ]
            for row in rows
        ),
    ]


def _rows(n: int, noise: float, seeds: int) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in TOPOLOGIES}
    for seed in range(seeds):
        quality, held = asyncio.run(_all(n, noise, seed))
        everybody = _order(held["round_robin"])
        for name, tournament in held.items():
            order = _order(tournament)
            found[name].append(
                {
                    "comparisons": tournament.comparisons,
                    "tau_round_robin": kendall(order, everybody),
                    "top_round_robin": top(order, everybody),
                    "tau_latent": kendall(order, quality),
                    "top_latent": top(order, quality),
                }
            )
    return [
        {"players": n, "noise": noise, "topology": name, "most": most_comparisons(name, n)}
        | {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        for name, rows in found.items()
    ]


async def _all(n: int, noise: float, seed: int) -> tuple[Array, dict[str, Tournament]]:
    """The qualities, and a tournament of each topology on the same verdicts."""
    rng = np.random.default_rng((seed, n))
    quality = rng.normal(size=n)
    errors = noise * np.sqrt(2) * rng.normal(size=(n, n))
    """Of the first player's score against the second: the sum of two orders."""

    async def compare(i: int, j: int) -> tuple[float, float]:
        return float(2 * quality[i] + errors[i, j]), float(2 * quality[j] + errors[j, i])

    return quality, {name: await hold(name, n, compare, seed) for name in TOPOLOGIES}


def _order(tournament: Tournament) -> Array:
    """The greater the better."""
    return -np.array(tournament.ranks, float)


def kendall(a: Array, b: Array) -> float:
    """τ-b of two orders of the same N players: 1 for the same, −1 for the opposite; 0 where one is no order."""
    upper = np.triu_indices(len(a), 1)
    x, y = (np.sign(v[:, None] - v[None, :])[upper] for v in (a, b))
    scale = np.sqrt((x**2).sum() * (y**2).sum())
    return float((x * y).sum() / scale) if scale else 0.0


def top(a: Array, b: Array) -> float:
    """Share of the best players of `a` that are among the best of `b`."""
    return float((b[a == a.max()] == b.max()).mean())
