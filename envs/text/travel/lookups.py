"""What the world answers: one line a thing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import combinations

from agentrl.envs.text.travel.names import THEMES
from agentrl.envs.text.travel.world import CENTRE, DAYS, FARE, Ride, Sight, World, bus, clock, distance, walk

FORMS = """cities
flights from CITY to CITY day N
trains from CITY to CITY day N
hotels in CITY
sights in CITY
sights in CITY theme THEME
hours in CITY day N
hours of SIGHT
near PLACE
route PLACE to PLACE"""
"""How to ask."""

_NEAREST = 6
_NAME = r"([a-z]+ \d+)"
_PLACE = r"(centre|[a-z]+ \d+)"


class NotThereError(Exception):
    """Something by that name is not in this world; the text says what. Part of the game."""


def look_up(world: World, question: str) -> str | None:
    """The answer; None if it is no question.

    Raises:
        NotThereError: it names what is not there.
    """
    for pattern, answer in _LOOKUPS:
        if match := pattern.fullmatch(question):
            return answer(world, *match.groups())
    return None


def _cities(world: World) -> str:
    pairs = combinations(world.cities.values(), 2)
    return _lines(f"{a.name} to {b.name} km {round(distance(a, b), -1):.0f}" for a, b in pairs)


def _rides(world: World, modes: str, origin: str, destination: str, day: str) -> str:
    _city(world, origin), _city(world, destination)
    number = _day(day)
    found = [ride for ride in world.between(origin, destination) if ride.mode == modes.removesuffix("s")]
    return _lines((ride_line(ride, number) for ride in found), f"no {modes}")


def ride_line(ride: Ride, day: int) -> str:
    """What a timetable says."""
    times = f"{clock(ride.departs)} to {clock(ride.arrives)}"
    return f"{ride.name} {times} price {ride.price(day)} seats {ride.seats_on(day)}"


def _hotels(world: World, city: str) -> str:
    found = world.hotels(_city(world, city))
    return _lines(f"{h.name} price {h.price} stars {h.stars} walk {walk(CENTRE, h.at)}" for h in found)


def _sights(world: World, city: str, theme: str | None) -> str:
    if theme is not None and theme not in THEMES:
        raise NotThereError(f"no theme {theme}; there are {' '.join(THEMES)}")
    found = [sight for sight in world.sights(_city(world, city)) if theme in (None, sight.theme)]
    return _lines((f"{s.name} {s.theme} price {s.price} visit {s.minutes} rating {s.rating}" for s in found), "none")


def _hours_in(world: World, city: str, day: str) -> str:
    number = _day(day)
    found = [sight for sight in world.sights(_city(world, city)) if number not in sight.closed]
    return _lines((f"{s.name} {clock(s.opens)} to {clock(s.closes)}" for s in found), "all closed")


def _hours_of(world: World, name: str) -> str:
    sight = world.places.get(name)
    if not isinstance(sight, Sight):
        raise NotThereError(f"no sight {name}")
    closed = "".join(f" closed day {day}" for day in sight.closed)
    return f"{name} {clock(sight.opens)} to {clock(sight.closes)}{closed}"


def _near(world: World, name: str) -> str:
    here = world.places.get(name)
    if here is None:
        raise NotThereError(f"no place {name}")
    others = [place for place in world.places.values() if place.city == here.city and place is not here]
    nearest = sorted(others, key=lambda place: walk(here.at, place.at))[:_NEAREST]
    return _lines(f"{place.name} walk {walk(here.at, place.at)}" for place in nearest)


def _route(world: World, one: str, other: str) -> str:
    places = [world.places.get(name) for name in (one, other)]
    for name, place in zip((one, other), places, strict=True):
        if place is None and name != "centre":
            raise NotThereError(f"no place {name}")
    cities = {place.city for place in places if place}
    if len(cities) > 1:
        raise NotThereError("not in one city: take a flight or a train")
    a, b = (place.at if place else CENTRE for place in places)
    return f"walk {walk(a, b)} or bus {bus(a, b)} price {FARE}"


def _city(world: World, name: str) -> str:
    if name not in world.cities:
        raise NotThereError(f"no city {name}")
    return name


def _day(text: str) -> int:
    if int(text) not in DAYS:
        raise NotThereError(f"no day {text}; there are days {DAYS[0]} to {DAYS[-1]}")
    return int(text)


def _lines(lines: Iterable[str], none: str = "") -> str:
    return "\n".join(lines) or none


_LOOKUPS: list[tuple[re.Pattern[str], Callable[..., str]]] = [
    (re.compile(pattern, re.ASCII), answer)
    for pattern, answer in (
        (r"cities", _cities),
        (rf"(flights|trains) from {_NAME} to {_NAME} day (\d)", _rides),
        (rf"hotels in {_NAME}", _hotels),
        (rf"sights in {_NAME}(?: theme ([a-z]+))?", _sights),
        (rf"hours in {_NAME} day (\d)", _hours_in),
        (rf"hours of {_NAME}", _hours_of),
        (rf"near {_NAME}", _near),
        (rf"route {_PLACE} to {_PLACE}", _route),
    )
]
