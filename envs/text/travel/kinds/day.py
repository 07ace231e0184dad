"""Spend one day in a city."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from agentrl.envs.text.travel.itinerary import Itinerary, arrange
from agentrl.envs.text.travel.kinds.kind import Draft, at_least, draw_wishes
from agentrl.envs.text.travel.names import THEMES
from agentrl.envs.text.travel.plans import Entry, Plan
from agentrl.envs.text.travel.request import Request
from agentrl.envs.text.travel.world import DAYS, World

_LATEST_BACK = 20 * 60


def draw(world: World, rng: random.Random) -> Draft | None:
    city, day = list(world.cities)[1], rng.choice(DAYS)
    base = rng.choice(world.hotels(city)).name
    request = Request("day", city=city, first=day, last=day, base=base)
    plan = add_visits(world, request, (), [day], rng.randint(3, 4), rng)
    it = arrange(world, request, plan)
    if len(it.sights) < 3 or it.back > _LATEST_BACK:
        return None
    limits = (
        *visit_limits(it, rng, rng.randint(0, 1)),
        ("back_by", min(_LATEST_BACK, -(-it.back // 30) * 30 + 30 * rng.randint(0, 2))),
    )
    return replace(request, limits=limits, **tastes("day", len(it.sights), rng)), plan


def plans(world: World, request: Request, known: Plan) -> Iterator[Plan]:
    """The known one; the oracle goes on from there."""
    yield known


def add_visits(world: World, request: Request, plan: Plan, days: Sequence[int], count: int, rng: random.Random) -> Plan:
    """The plan with as many visits as are wanted and possible, on random days."""
    sights = world.sights(request.city)
    for sight in rng.sample(sights, len(sights)):
        for day in rng.sample(days, len(days)):
            longer = insert(plan, Entry(sight.name, day), world)
            it = arrange(world, request, longer)
            if not any(stop.problem for stop in it.stops) and (request.last > request.first or it.back <= _LATEST_BACK):
                plan, count = longer, count - 1
                break
        if not count:
            break
    return plan


def insert(plan: Plan, entry: Entry, world: World) -> Plan:
    """The plan with a visit more, at the end of its day, but before the ride home."""
    later = (
        i for i, e in enumerate(plan) if i and (e.day > entry.day or (e.day == entry.day and e.name in world.rides))
    )
    place = next(later, len(plan))
    return *plan[:place], entry, *plan[place:]


def visit_limits(it: Itinerary, rng: random.Random, fewer: int) -> tuple[tuple[str, Any], ...]:
    """Limits that the visits of a plan hold, and what it costs; there may be fewer visits."""
    seen = len(it.sights)
    must = rng.sample(it.sights, rng.randint(1, min(2, seen - 1)))
    return (
        ("possible", True),
        *(("must", sight.name) for sight in must),
        ("sights", max(2, len(must), seen - fewer)),
        ("budget", at_least(max(20, it.cost * (1.1 + 0.6 * rng.random())))),
    )


def tastes(form: str, visits: int, rng: random.Random) -> dict[str, Any]:
    """Soft wishes about what to see."""
    return {
        "wishes": draw_wishes(rng, form),
        "themes": tuple(sorted(rng.sample(THEMES, 2))),
        "pace": visits + rng.randint(0, 1),
    }
