"""The 120 floor plans and the household knowledge that the installed `alfworld` package ships.

Nothing is copied from it: object lists, reachable points, receptacle poses, what fits where, what can be heated,
and the objective templates are read at run time. Its modules are executed by path, because `import alfworld` would
create folders and pull in heavy dependencies.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from agentrl.envs.text.alfworld.game import Receptacle
from agentrl.errors import MissingExtraError, UnknownNameError

UNSEEN_SCENES = ("FloorPlan10", "FloorPlan219", "FloorPlan308", "FloorPlan424")
"""One kitchen, living room, bedroom and bathroom, kept from training as in the official `valid_unseen`."""

ROOMS = {
    "Kitchen": range(1, 31),
    "LivingRoom": range(201, 231),
    "Bedroom": range(301, 331),
    "Bathroom": range(401, 431),
}
_GRID = 0.25
"""Metres between neighbouring reachable points; the unit of location names."""


@dataclass(frozen=True, slots=True)
class Household:
    """What the package knows about things in general. Kinds are in lower case: `apple`, `countertop`."""

    holds: Mapping[str, tuple[str, ...]]
    """Receptacle kind → sorted kinds of objects that fit."""
    flags: Mapping[str, frozenset[str]]
    """Object kind → unary PDDL facts of a fresh instance (`pickupable`, `heatable` …)."""
    openable: frozenset[str]
    """Receptacle kinds with a door or lid."""
    spelling: Mapping[str, str]
    """Kind → the spelling in PDDL types, e.g. `countertop` → `CounterTop`."""
    tasks_of_room: Mapping[str, frozenset[str]]
    templates: Mapping[str, tuple[str, ...]]
    """Task type → objective templates with the fields obj, recep, toggle."""
    goals: Mapping[str, str]
    """Task type → the goal section of a PDDL problem, with the same fields."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One floor plan. Receptacles are sorted by id, start points by name."""

    name: str
    room: str
    receptacles: tuple[Receptacle, ...]
    positions: tuple[tuple[int, int, int], ...]
    """Coordinates (x, height, z) of each receptacle in centimetres."""
    kinds: tuple[str, ...]
    """Object kinds that belong to this scene, sorted."""
    starts: tuple[str, ...]
    """Locations where the agent may start: reachable, and at no receptacle."""
    can_contain: frozenset[tuple[str, str]]
    """Pairs (rtype, otype) restricted to the kinds of this scene."""


def package_folder() -> Path:
    """Folder of the installed `alfworld` package, found without importing it.

    Raises:
        MissingExtraError: it is not installed.
    """
    spec = importlib.util.find_spec("alfworld")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("alfworld", "text")
    return Path(spec.submodule_search_locations[0])


@cache
def household() -> Household:
    """The package's general knowledge, read once."""
    constants, goals = _execute("gen/constants.py"), _execute("gen/goal_library.py")
    movable = {kind.lower() for kind in constants.MOVABLE_RECEPTACLES}
    holds = {
        place.lower(): tuple(sorted(kind.lower() for kind in kinds if not kind.endswith("Sliced")))
        for place, kinds in constants.VAL_RECEPTACLE_OBJECTS.items()
        if place.lower() not in movable
    }
    flags: dict[str, set[str]] = {kind: {"pickupable"} for kinds in holds.values() for kind in kinds}
    for fact, kinds in constants.VAL_ACTION_OBJECTS.items():
        for kind in kinds:
            if not kind.endswith("Sliced"):
                flags.setdefault(kind.lower(), set()).add(fact.lower())
    for kind in movable & flags.keys():
        flags[kind].add("isreceptacleobject")
    return Household(
        holds=holds,
        flags={kind: frozenset(facts) for kind, facts in flags.items()},
        openable=frozenset(kind.lower() for kind in constants.OPENABLE_CLASS_LIST) - movable,
        spelling={kind.lower(): kind for kind in (*constants.OBJECTS, *sorted(constants.RECEPTACLES))},
        tasks_of_room={
            room: frozenset(task for task, rooms in constants.GOALS_VALID.items() if room in rooms) for room in ROOMS
        },
        templates={task: tuple(entry["templates"]) for task, entry in goals.gdict.items()},
        goals={task: entry["pddl"] for task, entry in goals.gdict.items()},
    )


def scene_names(*, unseen: bool) -> tuple[str, ...]:
    """The four held-out floor plans, or the other 116 in numerical order."""
    if unseen:
        return UNSEEN_SCENES
    every = (f"FloorPlan{number}" for numbers in ROOMS.values() for number in numbers)
    return tuple(name for name in every if name not in UNSEEN_SCENES)


@cache
def load_scene(name: str) -> Scene:
    """Read one floor plan.

    Raises:
        UnknownNameError: there is no floor plan of that name.
        MissingExtraError: `alfworld` is not installed.
    """
    if name not in scene_names(unseen=True) + scene_names(unseen=False):
        raise UnknownNameError("scene", name, scene_names(unseen=True) + scene_names(unseen=False))
    house, layouts = household(), package_folder() / "gen" / "layouts"
    listed: list[str] = json.loads((layouts / f"{name}-objects.json").read_text())
    poses: dict[str, list[float]] = json.loads((layouts / f"{name}-openable.json").read_text())
    points = [(float(x), float(z)) for x, z in np.load(layouts / f"{name}-layout.npy")]

    furniture = {thor_id: _location(*pose) for thor_id, pose in poses.items()}
    for kind in sorted({kind.lower() for kind in listed} & house.holds.keys() - {_kind(i) for i in furniture}):
        _furnish(furniture, house.spelling[kind], points)
    ids = sorted((_mangle(thor_id), thor_id) for thor_id in furniture)
    receptacles = tuple(
        Receptacle(pddl_id, f"{_kind(thor_id)}type", furniture[thor_id], openable=_kind(thor_id) in house.openable)
        for pddl_id, thor_id in ids
    )
    places = {_kind(thor_id) for thor_id in furniture}
    kinds = tuple(sorted({kind.lower() for kind in listed} & house.flags.keys() - house.holds.keys()))
    taken = set(furniture.values())
    return Scene(
        name=name,
        room=next(room for room, numbers in ROOMS.items() if int(name.removeprefix("FloorPlan")) in numbers),
        receptacles=receptacles,
        positions=tuple(_position(thor_id) for _, thor_id in ids),
        kinds=kinds,
        starts=tuple(sorted({_location(x, z, 180, 30) for x, z in points} - taken)),
        can_contain=frozenset(
            (f"{place}type", f"{kind}type") for place in places for kind in house.holds[place] if kind in kinds
        ),
    )


def _furnish(furniture: dict[str, str], spelling: str, points: list[tuple[float, float]]) -> None:
    """Add furniture that the floor plan lists without a pose, each piece at a reachable point of its own.

    The points are spread by a fixed stride, so that every machine furnishes alike.
    """
    for piece in range(4 if spelling == "StoveBurner" else 1):
        step = 7 * len(furniture) + 3 * piece
        while True:
            x, z = points[step % len(points)]
            location = _location(x, z, 0, 45)
            if location not in furniture.values():
                break
            step += 1
        thor_id = f"{spelling.removesuffix('Basin')}|{x:+06.2f}|{0.9:+06.2f}|{z + 2 * _GRID:+06.2f}"
        furniture[thor_id + f"|{spelling}" * spelling.endswith("Basin")] = location


def _execute(path: str) -> ModuleType:
    """Run one file of the package as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"_alfworld_{Path(path).stem}", package_folder() / path)
    assert spec is not None, path
    assert spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _kind(thor_id: str) -> str:
    """`Sink|-00.70|+00.93|-00.65|SinkBasin` → `sinkbasin`."""
    first, *_, last = thor_id.split("|")
    return (last if last.isalpha() else first).lower()


def _position(thor_id: str) -> tuple[int, int, int]:
    x, y, z = (round(100 * float(part)) for part in thor_id.split("|")[1:4])
    return x, y, z


def _location(x: float, z: float, rotation: float, horizon: float) -> str:
    """Name of a pose: grid coordinates, quarter turns, degrees below the horizon."""
    return _mangle(f"loc|{round(x / _GRID)}|{round(z / _GRID)}|{round(rotation) // 90}|{round(horizon)}")


def _mangle(thor_id: str) -> str:
    """A THOR id as a PDDL name in lower case."""
    name = thor_id.lower().replace("|", "_bar_").replace("-", "_minus_").replace("+", "_plus_")
    return name.replace(".", "_dot_")
