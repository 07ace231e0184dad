"""One ALFWorld game as plain data: what a `game.tw-pddl` file or the generator describes, ready for the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TASK_TYPES = (
    "pick_and_place_simple",
    "look_at_obj_in_light",
    "pick_clean_then_place_in_recep",
    "pick_heat_then_place_in_recep",
    "pick_cool_then_place_in_recep",
    "pick_two_obj_and_place",
)


Rule = tuple[tuple[str, ...], str]
"""Facts about one object, all of which must hold, and the reply (a format string)."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Format strings over the fields o, r (object and receptacle), l, co, ko and lists."""

    commands: Mapping[str, str]
    """PDDL action in lower case → template of its command, e.g. `pickupobject` → "take {o} from {r}"."""
    replies: Mapping[str, str]
    """Part of a reply (keys in `grammar.py`) or PDDL action in lower case → reply."""
    about_object: tuple[Rule, ...]
    """Replies to examining an object; the first whose facts hold."""
    after_use: tuple[Rule, ...]
    """Replies to using an object, decided after the effect."""


@dataclass(frozen=True, slots=True)
class Receptacle:
    """A piece of furniture. `id` is the PDDL id in lower case, which fixes its number and its place in lists."""

    id: str
    type: str
    """PDDL `rtype` in lower case, e.g. `cabinettype`; "" where a file gives none."""
    location: str
    """Where the agent stands to use it; "" where a file gives none: then nobody gets there."""
    openable: bool = False
    opened: bool = False


@dataclass(frozen=True, slots=True)
class Object:
    """A thing. `receptacle` is where it stands at the start, None if nowhere."""

    id: str
    type: str
    """PDDL `otype` in lower case, e.g. `appletype`; "" where a file gives none."""
    receptacle: str | None
    location: str | None
    """The PDDL fact `objectAtLocation`, usually the location of its receptacle."""
    flags: frozenset[str] = frozenset()
    """Unary facts in lower case: pickupable, cleanable, heatable, coolable, toggleable, sliceable, isclean, ishot …"""
    also_in: tuple[str, ...] = ()
    """Further receptacles that hold it too, as files may say of a thing in a basin in a sink."""
    also_at: tuple[str, ...] = ()
    """Further facts `objectAtLocation`."""
    contents: tuple[str, ...] = ()
    """Objects inside it (`inReceptacleObject`). No action changes that; it shows when the object is examined."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One of the six ALFWorld goals. All types are PDDL types in lower case."""

    task_type: str
    object: str
    receptacle: str = ""
    """Where to put it; "" for look_at_obj_in_light."""
    toggle: str = ""
    """The lamp of look_at_obj_in_light."""
    lamp_at_location: bool = False
    """How "at the lamp" is said: by `objectAtLocation` of the lamp, or by the location of the receptacle it is in."""


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
    walkthrough: tuple[str, ...] = field(default=())
    texts: Texts | None = None
    """Commands and replies of a file's own grammar; None for those of the installed `alfworld` package."""
