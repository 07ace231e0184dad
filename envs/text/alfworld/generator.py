"""Make games: a task, a floor plan, and things spread over its furniture.

A game is a pure function of (split, index), the same on every machine: the only source of chance is
`random.Random(int).random()`, whose sequence Python guarantees, and nothing depends on the order of a set.
"""

from __future__ import annotations

import hashlib
import random
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import TypeVar

from agentrl.envs.text.alfworld.game import TASK_TYPES, Game, Goal, Object, Receptacle
from agentrl.envs.text.alfworld.names import demangle
from agentrl.envs.text.alfworld.scenes import Scene, household, load_scene, scene_names

ROOMINESS = {
    "countertop": 8, "diningtable": 8, "bed": 6, "desk": 6, "coffeetable": 6, "dresser": 6, "sidetable": 4, "sofa": 4,
    "fridge": 4, "sinkbasin": 3, "armchair": 2, "bathtubbasin": 2, "cart": 2, "garbagecan": 2, "laundryhamper": 2,
    "microwave": 2, "ottoman": 2, "shelf": 2, "toilet": 2, "tvstand": 2, "coffeemachine": 1, "handtowelholder": 1,
    "safe": 1, "stoveburner": 1, "toaster": 1, "toiletpaperhanger": 1, "towelholder": 1, "cabinet": 0.4, "drawer": 0.4,
}  # fmt: skip
"""How much stands, on average, in or on one receptacle of a kind, relative to the others."""

LAMP_STANDS = frozenset({"desk", "sidetable", "dresser", "diningtable", "coffeetable", "tvstand"})
"""Where a lamp may stand. The domain lets only a lamp that is "in" a receptacle be used, floor lamps too."""

TREATMENTS = {
    "pick_clean_then_place_in_recep": ("clean", "cleanable", "sinkbasin"),
    "pick_heat_then_place_in_recep": ("heat", "heatable", "microwave"),
    "pick_cool_then_place_in_recep": ("cool", "coolable", "fridge"),
}
"""Task type → verb, the fact that an object needs for it, the kind of receptacle that does it."""

_LOOK, _TWO = "look_at_obj_in_light", "pick_two_obj_and_place"
_LAMPS = ("desklamp", "floorlamp")
_MORE_TARGETS = (0.4, 0.75)
"""Of three games, about one each has no, one, and two targets beyond those needed."""
_PRESENT, _DOUBLED = 0.5, 0.3
"""Chance that a kind of the scene is there at all, and that there are two of it."""

Chance = Callable[[], float]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Spread:
    """Where things of one kind may stand: indices into the scene's receptacles and their cumulative weights."""

    places: tuple[int, ...]
    weights: tuple[float, ...]

    def pick(self, chance: Chance) -> int:
        return self.places[bisect(self.weights, chance() * self.weights[-1], hi=len(self.places) - 1)]


def generate(split: str, index: int) -> Game:
    """Game number `index` ≥ 0 of a split. Task types take turns, so any six neighbours have all of them.

    Raises:
        MissingExtraError: `alfworld` is not installed.
    """
    digest = hashlib.blake2b(f"{split}/{index}".encode(), digest_size=8).digest()
    chance = random.Random(int.from_bytes(digest, "big")).random
    task = TASK_TYPES[index % len(TASK_TYPES)]
    scene = _one_of(_scenes_for(task, split.endswith("unseen")), chance)
    target, destinations = _one_of(_goals(scene.name, task), chance)
    destination = _one_of(destinations, chance)

    start = _one_of(scene.starts, chance)
    goal_place, lamp = ("", destination) if task == _LOOK else (destination, "")
    things = _place(scene, task, target, goal_place, lamp, chance)
    template = _one_of(household().templates[task], chance)
    return Game(
        game_id=f"{split}/{index}",
        scene=scene.name,
        objective=template.format(obj=target, recep=goal_place, toggle=lamp),
        goal=Goal(task, f"{target}type", goal_place and f"{goal_place}type", lamp and f"{lamp}type"),
        receptacles=scene.receptacles,
        objects=tuple(things),
        can_contain=scene.can_contain,
        locations=tuple(sorted((*_locations(scene.name), start))),
        start=start,
        walkthrough=_walkthrough(scene, task, things, target, goal_place, lamp),
    )


def _place(scene: Scene, task: str, target: str, goal_place: str, lamp: str, chance: Chance) -> list[Object]:
    """Spread targets, lamps and distractors over the furniture; sorted by id. No target starts at its goal."""
    spread, facts = _spread(scene.name, goal_place), household().flags
    counts = {kind: 1 + (chance() < _DOUBLED) for kind in scene.kinds if chance() < _PRESENT}
    counts[target] = 1 + (task == _TWO) + bisect(_MORE_TARGETS, chance())
    if lamp:
        counts[lamp] = 1
    things = {}
    for kind, count in counts.items():
        candidates = spread[kind, kind == target]
        for _ in range(count if candidates.places else 0):
            place = candidates.pick(chance)
            receptacle = scene.receptacles[place]
            while (name := f"{kind}{_spot(scene.positions[place], chance)}") in things:
                pass
            things[name] = Object(name, f"{kind}type", receptacle.id, receptacle.location, facts[kind])
    return [things[name] for name in sorted(things)]


def _walkthrough(
    scene: Scene, task: str, things: list[Object], target: str, goal_place: str, lamp: str
) -> tuple[str, ...]:
    """Commands that win the game: the proof, by construction, that it can be won."""
    names = _names([thing.id for thing in things]) | _receptacle_names(scene.name)
    by_id = {receptacle.id: receptacle for receptacle in scene.receptacles}
    opened: set[str] = set()
    commands: list[str] = []
    location = ""

    def visit(receptacle: Receptacle, *, opening: bool = True) -> str:
        nonlocal location
        name = names[receptacle.id]
        if receptacle.location != location:  # going where one already stands is no action
            commands.append(f"go to {name}")
            location = receptacle.location
        if opening and receptacle.openable and name not in opened:
            commands.append(f"open {name}")
            opened.add(name)
        return name

    def first(kind: str) -> Receptacle:
        return next(receptacle for receptacle in scene.receptacles if receptacle.type == f"{kind}type")

    for thing in [thing for thing in things if thing.type == f"{target}type"][: 1 + (task == _TWO)]:
        name = names[thing.id]
        commands.append(f"take {name} from {visit(by_id[thing.receptacle or ''])}")
        if task in TREATMENTS:
            verb, _, appliance = TREATMENTS[task]
            commands.append(f"{verb} {name} with {visit(first(appliance), opening=False)}")
        if goal_place:
            commands.append(f"move {name} to {visit(first(goal_place))}")
    for thing in things:
        if lamp and thing.type == f"{lamp}type":
            visit(by_id[thing.receptacle or ""], opening=False)
            commands.append(f"use {names[thing.id]}")
    return tuple(commands)


@cache
def _scenes_for(task: str, unseen: bool) -> tuple[Scene, ...]:
    """Floor plans where a task type is possible."""
    scenes = (load_scene(name) for name in scene_names(unseen=unseen))
    return tuple(s for s in scenes if task in household().tasks_of_room[s.room] and _goals(s.name, task))


@cache
def _goals(scene_name: str, task: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Targets of a task type in a scene, each with its possible destinations (for a look: the lamps)."""
    scene, house = load_scene(scene_name), household()
    places = {receptacle.type.removesuffix("type") for receptacle in scene.receptacles}
    lamps = tuple(lamp for lamp in _LAMPS if lamp in scene.kinds and places & LAMP_STANDS)
    _, fact, appliance = TREATMENTS.get(task, ("", "pickupable", ""))
    goals = []
    for kind in scene.kinds:
        homes = sorted(place for place in places if kind in house.holds[place])
        destinations = tuple(place for place in homes if place != appliance and len(homes) > 1)
        if task == _LOOK:
            destinations = lamps if homes else ()
        if destinations and fact in house.flags[kind] and "pickupable" in house.flags[kind]:
            goals.append((kind, destinations))
    return tuple(goals) if not appliance or appliance in places else ()


@cache
def _spread(scene_name: str, goal_place: str) -> dict[tuple[str, bool], _Spread]:
    """(kind, whether it is the target) → where it may stand; a target may not stand at its goal."""
    scene, holds = load_scene(scene_name), household().holds
    result = {}
    for kind in scene.kinds:
        for is_target in (False, True):
            places, weights = [], []
            for i, receptacle in enumerate(scene.receptacles):
                place = receptacle.type.removesuffix("type")
                fits = place in LAMP_STANDS if kind in _LAMPS else kind in holds[place]
                if fits and not (is_target and place == goal_place):
                    places.append(i)
                    weights.append(ROOMINESS[place])
            result[kind, is_target] = _Spread(tuple(places), tuple(accumulate(weights)))
    return result


@cache
def _receptacle_names(scene_name: str) -> dict[str, str]:
    return _names([receptacle.id for receptacle in load_scene(scene_name).receptacles])


def _names(ids: list[str]) -> dict[str, str]:
    return dict(zip(ids, demangle(ids), strict=True))


@cache
def _locations(scene_name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(receptacle.location for receptacle in load_scene(scene_name).receptacles))


def _spot(position: tuple[int, int, int], chance: Chance) -> str:
    """A point within 40 cm of a piece of furniture, as the tail of a PDDL id."""
    x, y, z = position
    draw = int(chance() * 6561)
    return _coordinate(x - 40 + draw % 81) + _coordinate(y + 8) + _coordinate(z - 40 + draw // 81)


@cache
def _coordinate(centimetres: int) -> str:
    sign = "_minus_" if centimetres < 0 else "_plus_" if centimetres else ""
    return f"_bar_{sign}{abs(centimetres) // 100:02d}_dot_{abs(centimetres) % 100:02d}"


def _one_of(options: tuple[_T, ...], chance: Chance) -> _T:
    return options[int(chance() * len(options))]
