"""The part of a game that changes: small lists of ints and tuples, copied in about a microsecond."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentrl.envs.text.alfworld.engine import Menu

FACTS = (
    "pickupable",
    "cleanable",
    "heatable",
    "coolable",
    "toggleable",
    "sliceable",
    "moveable",
    "isreceptacleobject",
    "isclean",
    "ishot",
    "iscool",
    "istoggled",
    "issliced",
)
"""Unary facts about objects that the domain or the grammar asks for."""
BIT = {fact: 1 << i for i, fact in enumerate(FACTS)}


class State:
    """Indices count receptacles, objects and locations in the order of `Engine`; a set of them is a bit mask."""

    __slots__ = ("absent", "at", "contents", "facts", "held", "menu", "opened", "places", "share")

    def __init__(
        self,
        at: int,
        held: int,
        opened: int,
        contents: list[tuple[int, ...]],
        facts: list[int],
        places: list[int],
        absent: list[int],
        share: float = 0.0,
        menu: Menu | None = None,
    ) -> None:
        self.at = at
        """Location of the agent."""
        self.held = held
        """Object in the agent's hand, -1 for none."""
        self.opened = opened
        """Receptacles that are open."""
        self.contents = contents
        """Receptacle → objects in it, ascending."""
        self.facts = facts
        """Object → its unary facts, as bits of `BIT`."""
        self.places = places
        """Object → locations of which the fact `objectAtLocation` holds."""
        self.absent = absent
        """Object → receptacles that it was taken from, where the original keeps the fact `not_inreceptacle`."""
        self.share = share
        """Share of the goal reached, see `progress.py`."""
        self.menu = menu
        """What can be done here, once it was asked for."""

    def copy(self) -> State:
        return State(
            self.at,
            self.held,
            self.opened,
            self.contents.copy(),
            self.facts.copy(),
            self.places.copy(),
            self.absent.copy(),
            self.share,
            self.menu,
        )

    def has(self, thing: int, fact: str) -> bool:
        return bool(self.facts[thing] & BIT[fact])


def without(things: Sequence[int], thing: int) -> tuple[int, ...]:
    return tuple(other for other in things if other != thing)


def with_one(things: Sequence[int], thing: int) -> tuple[int, ...]:
    return tuple(sorted({*things, thing}))
