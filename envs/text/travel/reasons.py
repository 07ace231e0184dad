"""What may speak for an option, and whether it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentrl.envs.text.travel.itinerary import Itinerary
from agentrl.envs.text.travel.world import CENTRE, walk

REASONS: dict[str, dict[str, Callable[[Any, int], float]]] = {
    "hotel": {
        "price": lambda hotel, _: -hotel.price,
        "near": lambda hotel, _: -walk(CENTRE, hotel.at),
        "stars": lambda hotel, _: hotel.stars,
    },
    "ride": {
        "price": lambda ride, day: -ride.price(day),
        "time": lambda ride, _: -ride.minutes,
        "early": lambda ride, _: -ride.arrives,
    },
}
"""Sort → reason → measure of an option on a day; more is better."""


def merits(it: Itinerary) -> set[str]:
    """The reasons that are true of the option that was chosen: no other option is better in that."""
    request, world = it.request, it.world
    chosen = next((stop.what for stop in it.good if stop.entry.name in request.options), None)
    if chosen is None:
        return set()
    options = [world.find(name) for name in request.options]
    measures = REASONS[request.sort].items()
    return {why for why, m in measures if m(chosen, request.first) == max(m(o, request.first) for o in options)}
