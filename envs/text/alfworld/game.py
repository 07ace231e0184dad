"""One ALFWorld game as plain data: what a `game.tw-pddl` file or the generator describes, ready for the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

TASK_TYPES = (
    "pick_and_place_simple",
    "look_at_obj_in_light",
    "pick_clean_then_place_in_recep",
    "pick_heat_then_place_in_recep",
    "pick_cool_then_place_in_recep",
    "pick_two_obj_and_place",
)


@dataclass(frozen=True, slots=True)
class Receptacle:
    """A piece of furniture. `id` is the PDDL id in lower case, which fixes its number and its place in lists."""

    id: str
    type: str
    """PDDL `rtype` in lower case, e.g. `cabinettype`."""
    location: str
    openable: bool = False
    opened: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    """A thing. `receptacle` is where it stands at the start, None if nowhere (or held)."""

    id: str
    type: str
    """PDDL `otype` in lower case, e.g. `appletype`."""
    receptacle: str | None
    location: str | None
    """The PDDL fact `objectAtLocation`, usually the location of its receptacle."""
    flags: frozenset[str] = frozenset()
    """Unary facts in lower case: pickupable, cleanable, heatable, coolable, toggleable, sliceable, isclean, ishot …"""


@dataclass(frozen=True, slots=True)
class Goal:
    """One of the six ALFWorld goals. All types are PDDL types in lower case."""

    task_type: str
    object: str
    receptacle: str = ""
    """Where to put it; "" for look_at_obj_in_light."""
    toggle: str = ""
    """The lamp of look_at_obj_in_light."""


@dataclass(frozen=True, slots=True)
class Game:
    """Everything the engine needs."""

    game_id: str
    scene: str
    """`FloorPlan10`, or "" where a file does not tell."""
    objective: str
    """The sentence after "Your task is to: ", without the full stop."""
    goal: Goal
    receptacles: tuple[Receptacle, ...]
    objects: tuple[Object, ...]
    can_contain: frozenset[tuple[str, str]]
    """Pairs (rtype, otype)."""
    locations: tuple[str, ...]
    start: str
    """Location of the agent at the start."""
    put_style: str = "move"
    """`move` for "move O to R", `put` for the older "put O in/on R"."""
    walkthrough: tuple[str, ...] = field(default=())
