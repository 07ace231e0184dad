"""Travel to a city, stay some nights, see something, and travel home."""

from __future__ import annotations

import random
from dataclasses import replace

from agentrl.envs.text.travel.itinerary import arrange
from agentrl.envs.text.travel.kinds.day import add_visits, plans, tastes, visit_limits
from agentrl.envs.text.travel.kinds.kind import Draft
from agentrl.envs.text.travel.plans import Entry
from agentrl.envs.text.travel.request import Request
from agentrl.envs.text.travel.world import DAYS, World

__all__ = ["draw", "plans"]

_LATEST_HOME = 23 * 60 + 45


def draw(world: World, rng: random.Random) -> Draft | None:
    origin, city, _ = world.cities
    party, nights = rng.randint(2, 4), rng.randint(1, 2)
    first = rng.choice(DAYS[:-nights])
    last, starts = first + nights, 60 * rng.randint(6, 9)
    request = Request("days", party=party, origin=origin, city=city, first=first, last=last, starts=starts)
    there = [r for r in world.between(origin, city) if r.departs >= starts and r.seats_on(first) >= party]
    home = [r for r in world.between(city, origin) if r.seats_on(last) >= party and r.departs >= 12 * 60]
    if not there or not home:
        return None
    hotel, back = rng.choice(world.hotels(city)), rng.choice(home)
    stays = (Entry(hotel.name, day) for day in range(first, last))
    plan = (Entry(rng.choice(there).name, first), *stays, Entry(back.name, last))
    plan = add_visits(world, request, plan, range(first, last + 1), rng.randint(3, 4), rng)
    it = arrange(world, request, plan)
    if len(it.sights) < 2:
        return None
    limits = (
        *visit_limits(it, rng, rng.randint(1, 2)),
        ("nights", nights),
        ("stars", rng.randint(1, hotel.stars)),
        ("home_by", min(_LATEST_HOME, back.arrives + 30 * rng.randint(0, 4))),
    )
    return replace(request, limits=limits, **tastes("days", len(it.sights), rng)), plan
