"""Get from one city to another on one day, directly or by way of a third."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from agentrl.envs.text.travel.kinds.kind import Draft, at_least, draw_wishes
from agentrl.envs.text.travel.plans import Entry, Plan
from agentrl.envs.text.travel.request import Request
from agentrl.envs.text.travel.world import DAYS, World

_LATEST = 23 * 60 + 45


def draw(world: World, rng: random.Random) -> Draft | None:
    origin, city, _ = world.cities
    day, party, starts = rng.choice(DAYS), rng.randint(2, 4), 60 * rng.randint(5, 8)
    request = Request("direction", party=party, origin=origin, city=city, first=day, last=day, starts=starts)
    ways = list(plans(world, request, ()))
    if len(ways) < 3:
        return None
    plan = rng.choice(ways)
    rides = [world.rides[entry.name] for entry in plan]
    limits = (
        ("possible", True),
        ("reach", city),
        ("leave_after", starts),
        ("arrive_by", min(_LATEST, rides[-1].arrives + 15 * rng.randint(0, 12))),
        ("budget", at_least(sum(ride.price(day) for ride in rides) * (1.1 + 0.6 * rng.random()))),
    )
    mode, wishes = rng.choice(("flight", "train")), draw_wishes(rng, "direction")
    return replace(request, limits=limits, mode=mode, wishes=wishes), plan


def plans(world: World, request: Request, _: Plan) -> Iterator[Plan]:
    """Every way of one or two rides that has seats and can be caught."""
    day = request.first
    open_ = [r for r in world.rides.values() if r.seats_on(day) >= request.party and r.departs >= request.starts]
    last = [ride for ride in open_ if ride.destination == request.city]
    for ride in open_:
        if ride.origin == request.origin:
            if ride.destination == request.city:
                yield (Entry(ride.name, day),)
            for onward in last:
                if onward.origin == ride.destination and onward.departs >= ride.arrives:
                    yield Entry(ride.name, day), Entry(onward.name, day)
