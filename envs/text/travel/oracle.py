"""The oracle: knows the world, and looks for the best plan.

Where a plan is a choice or a journey every one that is worth a look is looked at. Days are improved step by step from a
plan that is known to hold all limits, until no single change makes them better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from agentrl.envs.text.travel.constraints import share
from agentrl.envs.text.travel.itinerary import arrange
from agentrl.envs.text.travel.kinds import KINDS
from agentrl.envs.text.travel.kinds.day import insert
from agentrl.envs.text.travel.plans import Entry, Plan
from agentrl.envs.text.travel.rubric import niceness
from agentrl.envs.text.travel.tasks import TravelTask, load_task
from agentrl.envs.text.travel.world import Hotel, Ride, Sight

Worth = tuple[float, float]
"""Share of constraints that hold, then how nice the plan is."""


def worth(task: TravelTask, plan: Plan) -> Worth:
    """By what plans are compared."""
    it = arrange(task.world, task.request, plan)
    return share(it), niceness(it)


@lru_cache(maxsize=4096)
def best_plan(task_id: str) -> Plan:
    """The best plan that is found."""
    task = load_task(task_id)
    others = KINDS[task.request.kind].plans(task.world, task.request, task.known)
    best = max(((worth(task, plan), plan) for plan in (task.known, *others)), key=lambda pair: pair[0])
    return _climb(task, *best) if task.request.pace else best[1]


def _climb(task: TravelTask, height: Worth, plan: Plan) -> Plan:
    while True:
        found = max(((worth(task, other), other) for other in _changes(task, plan)), key=lambda pair: pair[0])
        if found[0] <= height:
            return plan
        height, plan = found


def _changes(task: TravelTask, plan: Plan) -> Iterator[Plan]:
    """All plans that differ in one entry, in the order of two, or in the hotel."""
    world, request = task.world, task.request
    things = [world.find(entry.name) for entry in plan]
    unseen = [sight.name for sight in world.sights(request.city) if sight not in things]
    for i, (entry, thing) in enumerate(zip(plan, things, strict=True)):
        before, after = plan[:i], plan[i + 1 :]
        if isinstance(thing, Ride):
            for ride in world.between(thing.origin, thing.destination):
                yield *before, replace(entry, name=ride.name), *after
        elif isinstance(thing, Hotel):
            if entry.day == request.first:
                for hotel in world.hotels(request.city):
                    yield tuple(replace(e, name=hotel.name) if e.name == thing.name else e for e in plan)
        else:
            yield *before, *after
            yield *before, replace(entry, bus=not entry.bus), *after
            for name in unseen:
                yield *before, replace(entry, name=name), *after
            for j in range(i + 1, len(plan)):
                if isinstance(things[j], Sight):
                    other = plan[j]
                    swapped = replace(entry, name=other.name), replace(other, name=entry.name)
                    yield *before, swapped[0], *plan[i + 1 : j], swapped[1], *plan[j + 1 :]
    for name in unseen:
        for day in range(request.first, request.last + 1):
            yield insert(plan, Entry(name, day), world)


def actions(task: TravelTask, plan: Plan) -> Iterator[str]:
    """What to do from a plan that was begun."""
    best = best_plan(task.task_id)
    if plan != best[: len(plan)]:
        yield "drop all"
        plan = ()
    yield from (f"plan {entry.text()}" for entry in best[len(plan) :])
    yield "finish"
