"""Recommend one of some hotels, or of some ways to travel, and say what speaks for it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

from agentrl.envs.text.travel.itinerary import arrange
from agentrl.envs.text.travel.kinds.kind import Draft, at_least, draw_wishes
from agentrl.envs.text.travel.plans import Entry, Plan
from agentrl.envs.text.travel.reasons import merits
from agentrl.envs.text.travel.request import Request
from agentrl.envs.text.travel.world import CENTRE, DAYS, Hotel, Ride, World, walk

_OPTIONS = 4


def draw(world: World, rng: random.Random) -> Draft | None:
    origin, city, _ = world.cities
    day, party, sort = rng.choice(DAYS), rng.randint(2, 4), rng.choice(("hotel", "ride"))
    known = [thing.name for thing in (world.hotels(city) if sort == "hotel" else world.between(origin, city))]
    options = tuple(rng.sample(known, _OPTIONS))
    request = Request("compare", sort=sort, party=party, origin=origin, city=city, first=day, last=day, options=options)
    worth = list(plans(world, request, ()))
    if not worth:
        return None
    plan = rng.choice(worth)
    chosen = world.find(plan[0].name)
    limits: list[tuple[str, Any]] = [("possible", True), ("option", options), ("reasons", 1)]
    if isinstance(chosen, Ride):
        price = chosen.price(day)
        limits.append(("arrive_by", min(23 * 60 + 45, chosen.arrives + 30 * rng.randint(0, 12))))
    else:
        assert isinstance(chosen, Hotel)
        price = chosen.price
        limits.append(("within", max(15, walk(CENTRE, chosen.at) + 15 * rng.randint(1, 3))))
    limits.append(("budget", at_least(price * (1.2 + 0.8 * rng.random()))))
    return replace(request, limits=tuple(limits), wishes=draw_wishes(rng, request.form)), plan


def plans(world: World, request: Request, _: Plan) -> Iterator[Plan]:
    """Every option that can be had and has something to speak for it, with some or all of its true reasons."""
    for name in request.options:
        choice = Entry(name, request.first)
        true = sorted(merits(arrange(world, request, (choice,))))
        for count in range(1, len(true) + 1):
            for reasons in combinations(true, count):
                yield choice, *(Entry(f"reason {why}") for why in reasons)
