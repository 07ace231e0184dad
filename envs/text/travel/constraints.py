"""Hard constraints, checked on the finished plan.

A limit on something that the plan does not have does not hold: an empty plan keeps to no budget.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentrl.envs.text.travel.itinerary import Itinerary
from agentrl.envs.text.travel.reasons import merits
from agentrl.envs.text.travel.world import Hotel, Sight, walk

_SORTS = {"sight": Sight, "hotel": Hotel}

Check = Callable[[Itinerary, Any], bool]


def _possible(it: Itinerary, _: object) -> bool:
    return bool(it.good) and not any(stop.problem for stop in it.stops)


def _leave_after(it: Itinerary, time: int) -> bool:
    return bool(it.rides) and it.rides[0].departs >= time


def _reach(it: Itinerary, city: str) -> bool:
    return bool(it.rides) and it.rides[-1].destination == city


def _arrive_by(it: Itinerary, time: int) -> bool:
    return _reach(it, it.request.city) and it.rides[-1].arrives <= time


def _budget(it: Itinerary, most: int) -> bool:
    return bool(it.good) and it.cost <= most


def _number(it: Itinerary, wanted: int) -> bool:
    fitting = [p for p in it.places if isinstance(p, _SORTS[it.request.sort]) and p.city == it.request.city]
    return len(it.good) == len(fitting) == wanted


def _theme(it: Itinerary, theme: str) -> bool:
    return bool(it.sights) and all(sight.theme == theme for sight in it.sights)


def _within(it: Itinerary, minutes: int) -> bool:
    return bool(it.places) and all(walk(it.base, place.at) <= minutes for place in it.places)


def _price_each(it: Itinerary, most: int) -> bool:
    return bool(it.good) and all(stop.cost <= most for stop in it.good)


def _open_on(it: Itinerary, day: int) -> bool:
    return bool(it.sights) and all(day not in sight.closed for sight in it.sights)


def _stars(it: Itinerary, least: int) -> bool:
    return bool(it.hotels) and all(hotel.stars >= least for hotel in it.hotels)


def _option(it: Itinerary, options: tuple[str, ...]) -> bool:
    return len(it.good) == 1 and it.good[0].entry.name in options


def _reasons(it: Itinerary, least: int) -> bool:
    return len(it.reasons) >= least and _option(it, it.request.options) and {*it.reasons} <= merits(it)


def _must(it: Itinerary, name: str) -> bool:
    return any(sight.name == name for sight in it.sights)


def _sights(it: Itinerary, least: int) -> bool:
    return len(it.sights) >= least


def _back_by(it: Itinerary, time: int) -> bool:
    return bool(it.sights) and it.back <= time


def _nights(it: Itinerary, count: int) -> bool:
    return len(it.hotels) == count  # no night has two, see `itinerary.py`


def _home_by(it: Itinerary, time: int) -> bool:
    return _reach(it, it.request.origin) and it.rides[-1].arrives <= time


CHECKS: dict[str, Check] = {
    "possible": _possible,
    "leave_after": _leave_after,
    "reach": _reach,
    "arrive_by": _arrive_by,
    "budget": _budget,
    "number": _number,
    "theme": _theme,
    "within": _within,
    "price_each": _price_each,
    "open_on": _open_on,
    "stars": _stars,
    "option": _option,
    "reasons": _reasons,
    "must": _must,
    "sights": _sights,
    "back_by": _back_by,
    "nights": _nights,
    "home_by": _home_by,
}
"""Name in `Request.limits` → whether an itinerary holds it, given its value."""


def held(it: Itinerary) -> list[bool]:
    """Of each limit of the request, in order, whether it holds."""
    return [CHECKS[name](it, value) for name, value in it.request.limits]


def share(it: Itinerary) -> float:
    """Share of the limits that hold; 1 means that the plan is complete and allowed."""
    holds = held(it)
    return sum(holds) / len(holds)
