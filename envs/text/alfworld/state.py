"""The part of a game that changes: small lists of ints and tuples, copied in a third of a microsecond."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from agentrl.envs.text.alfworld.game import Object, Receptacle

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


Action: TypeAlias = Callable[[State, int, int], str]
"""Carries itself out on a state, with two indices, and returns the reply."""


class Menu(NamedTuple):
    """What can be done in a state."""

    commands: tuple[str, ...]
    """In the original's order: sorted as strings."""
    actions: dict[str, tuple[Action, int, int]]
    """What the commands do, except for those that only go elsewhere."""


def first_state(
    receptacles: Sequence[Receptacle], objects: Sequence[Object], locations: Sequence[str], start: str
) -> State:
    """The state at the start of a game; the order of the sequences makes the indices."""
    location_of = {name: i for i, name in enumerate(locations)}
    index = {receptacle.id: r for r, receptacle in enumerate(receptacles)}
    contents: list[tuple[int, ...]] = [()] * len(receptacles)
    places = []
    for o, thing in enumerate(objects):
        for name in (thing.receptacle, *thing.also_in):
            if name is not None:
                contents[index[name]] += (o,)
        places.append(mask(location_of[name] for name in (thing.location, *thing.also_at) if name is not None))
    return State(
        at=location_of[start],
        held=-1,
        opened=mask(r for r, receptacle in enumerate(receptacles) if receptacle.opened),
        contents=contents,
        facts=[mask_of_facts(thing.flags) for thing in objects],
        places=places,
        absent=[0] * len(objects),
    )


def mask(indices: Iterable[int]) -> int:
    """The bit mask of a set of distinct indices."""
    return sum(1 << i for i in indices)


def mask_of_facts(facts: Iterable[str]) -> int:
    return sum(BIT[fact] for fact in facts)


def without(things: Sequence[int], thing: int) -> tuple[int, ...]:
    return tuple(other for other in things if other != thing)


def with_one(things: Sequence[int], thing: int) -> tuple[int, ...]:
    return tuple(sorted({*things, thing}))
