"""What happened in a tournament, as plain data: every match, and the ranks that came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

Stage = Literal["league", "seeding", "bracket", "losers", "final"]


@dataclass(frozen=True, slots=True)
class Match:
    """Two players compared, or one that had nobody to play against: a bye."""

    stage: Stage
    round: int
    """Counted from 1 through the whole tournament; matches of a round are judged at the same time."""
    players: tuple[int, ...]
    """Two of them, or one for a bye."""
    scores: tuple[float, float] | None = None
    """Of the two players, summed over both orders of presentation; None for a bye, or where the comparison failed."""
    winner: int | None = None
    """Or who goes on; None where that is nobody: a tie that is half a win for each, a failed comparison of a league."""
    failure: str = ""
    """Why there are no scores; "" where there are, or for a bye."""


@dataclass(frozen=True, slots=True)
class Tournament:
    """N players, numbered from 0, and what came of their matches."""

    topology: str
    matches: tuple[Match, ...]
    ranks: tuple[int | None, ...]
    """(N,) 0 is the best; equal players share the best rank among them. None where too many comparisons failed for a
    player to have one."""
    comparisons: int
    """Pairs that were judged. A pair that meets again is not judged again."""
    failed: int
    """Pairs that no judgement could be had of."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        plain: dict[str, Any] = _PLAIN.dump_python(self, mode="json")
        return plain

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Tournament:
        """The inverse of `to_json`; further keys are left alone."""
        return _PLAIN.validate_python(record)


_PLAIN = TypeAdapter(Tournament)


def ranks_of(keys: Sequence[tuple[float, ...] | None]) -> tuple[int | None, ...]:
    """Competition ranks: how many have a greater key; those without a key have no rank, and count for nobody."""
    known = [key for key in keys if key is not None]
    return tuple(None if key is None else sum(other > key for other in known) for key in keys)
