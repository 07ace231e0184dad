"""Find some sights or hotels that are near, cheap, open, of a theme or with stars enough."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

from agentrl.envs.text.travel.kinds.kind import Draft, at_least, draw_wishes
from agentrl.envs.text.travel.plans import Entry, Plan
from agentrl.envs.text.travel.request import Request
from agentrl.envs.text.travel.world import DAYS, Hotel, Place, Sight, World, walk

Limits = list[tuple[str, Any]]


def draw(world: World, rng: random.Random) -> Draft | None:
    city, day, sort = list(world.cities)[1], rng.choice(DAYS), rng.choice(("sight", "hotel"))
    drawn = _sights(world, rng, city, day) if sort == "sight" else _hotels(world, rng, city)
    if drawn is None:
        return None
    base, found, properties = drawn
    within = max(15, *(walk(base.at, place.at) for place in found)) + 15 * rng.randint(0, 2)
    price = at_least(max(5, *(place.price for place in found)) * (1 + 0.6 * rng.random()))
    properties += [("within", within), ("price_each", price)]
    request = Request("search", sort=sort, city=city, first=day, last=day, base=base.name)
    limits = (("possible", True), ("number", len(found)), *properties)
    plan = tuple(Entry(place.name, day) for place in found)
    return replace(request, limits=limits, wishes=draw_wishes(rng, request.form)), plan


def _sights(world: World, rng: random.Random, city: str, day: int) -> tuple[Place, list[Sight], Limits] | None:
    """A place to start from, sights to be found, and properties that they have."""
    sights = [sight for sight in world.sights(city) if day not in sight.closed]
    properties: Limits = [("open_on", day)]
    if sights and rng.random() < 0.5:
        theme = rng.choice(sights).theme
        sights = [sight for sight in sights if sight.theme == theme]
        properties.append(("theme", theme))
    number = rng.randint(2, 3)
    if len(sights) <= number:
        return None
    return rng.choice(world.hotels(city)), rng.sample(sights, number), properties


def _hotels(world: World, rng: random.Random, city: str) -> tuple[Place, list[Hotel], Limits]:
    hotels = rng.sample(world.hotels(city), 2)
    return rng.choice(world.sights(city)), hotels, [("stars", min(hotel.stars for hotel in hotels))]


def plans(world: World, request: Request, _: Plan) -> Iterator[Plan]:
    """Every choice of as many as are wanted, of those that are cheap enough."""
    places = world.sights(request.city) if request.sort == "sight" else world.hotels(request.city)
    cheap = [Entry(p.name, request.first) for p in places if p.price <= request.limit("price_each")]
    yield from combinations(cheap, request.limit("number"))
