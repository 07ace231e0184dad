"""How much of the goal is reached, between 0 and 1; 1 exactly where the original engine says "won".

- Placing: half for holding an object of the kind, all for having one in a receptacle of the goal's kind.
- Placing after cleaning, heating or cooling: a third for holding it, a third for having treated it, all for a treated
  one in its place. Untreated ones in the place count nothing: they have to come out again.
- Two objects: for the receptacle that has most of them, half for each one in it, a quarter for holding the next.
- Looking under a lamp: a third each for holding the object, having used the lamp, and standing at a lamp in use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from agentrl.envs.text.alfworld.game import Goal
from agentrl.envs.text.alfworld.state import BIT, State

_TREATED = {
    "pick_clean_then_place_in_recep": ("cleanable", "isclean"),
    "pick_heat_then_place_in_recep": ("heatable", "ishot"),
    "pick_cool_then_place_in_recep": ("coolable", "iscool"),
}


def progress_of(
    goal: Goal, object_types: Sequence[str], receptacle_types: Sequence[str], location_of: Sequence[int]
) -> Callable[[State], float]:
    """The function that measures a state against `goal`. `location_of` gives each receptacle's location."""
    targets = frozenset(i for i, kind in enumerate(object_types) if kind == goal.object)
    homes = tuple(i for i, kind in enumerate(receptacle_types) if kind == goal.receptacle)
    if goal.task_type == "look_at_obj_in_light":
        lamps = frozenset(i for i, kind in enumerate(object_types) if kind == goal.toggle)
        here: list[list[int]] = [[] for _ in range(max(location_of, default=-1) + 1)]
        for receptacle, location in enumerate(location_of):
            if location >= 0:
                here[location].append(receptacle)
        return partial(_look, targets, lamps, None if goal.lamp_at_location else here)
    if goal.task_type == "pick_two_obj_and_place":
        return partial(_two, targets, homes)
    if goal.task_type in _TREATED:
        able, done = _TREATED[goal.task_type]
        return partial(_treated, targets, homes, BIT[able], BIT[done])
    return partial(_one, targets, homes)


def _one(targets: frozenset[int], homes: Sequence[int], state: State) -> float:
    contents = state.contents
    for home in homes:
        if not targets.isdisjoint(contents[home]):
            return 1.0
    return 0.5 if state.held in targets else 0.0


def _treated(targets: frozenset[int], homes: Sequence[int], able: int, done: int, state: State) -> float:
    facts, both = state.facts, able | done
    treated = [thing for thing in targets if facts[thing] & both == both]
    for home in homes:
        for thing in treated:
            if thing in state.contents[home]:
                return 1.0
    held = state.held
    if held in targets and facts[held] & able:
        return 2 / 3 if held in treated else 1 / 3
    return 1 / 3 if treated else 0.0


def _two(targets: frozenset[int], homes: Sequence[int], state: State) -> float:
    most = max((len(targets.intersection(state.contents[home])) for home in homes), default=0)
    return 1.0 if most > 1 else most / 2 + (0.25 if state.held in targets else 0.0)


def _look(
    targets: frozenset[int], lamps: frozenset[int], receptacles_at: list[list[int]] | None, state: State
) -> float:
    lit = BIT["toggleable"] | BIT["istoggled"]
    used = [lamp for lamp in lamps if state.facts[lamp] & lit == lit]
    if receptacles_at is None:
        beside = any(state.places[lamp] >> state.at & 1 for lamp in used)
    elif not used or state.at >= len(receptacles_at):
        beside = False
    else:
        beside = any(lamp in state.contents[r] for r in receptacles_at[state.at] for lamp in used)
    met = (state.held in targets) + bool(used) + beside
    return 1.0 if met == 3 else met / 3
