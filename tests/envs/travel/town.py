"""A world written by hand, that the tests know by heart, and requests about it.

Kest 31 is 300 km from mora 17; arda 12 is 500 km from mora 17 and 400 km from kest 31.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentrl.envs.text.travel.itinerary import Itinerary, arrange
from agentrl.envs.text.travel.plans import Entry, parse_entry
from agentrl.envs.text.travel.request import Request
from agentrl.envs.text.travel.world import City, Hotel, Place, Ride, Sight, World

MORA, KEST, ARDA = "mora 17", "kest 31", "arda 12"

_PLACES: tuple[Place, ...] = (
    Hotel("hotel 12", KEST, (0, 1), 80, 3),
    Hotel("inn 14", KEST, (2, 0), 50, 2),
    Hotel("villa 15", KEST, (0, 0), 120, 5),
    Hotel("lodge 16", MORA, (0, 0), 20, 1),
    Sight("gallery 31", KEST, (0, 2), 10, "art", 60, 4, 540, 1020, (3,)),
    Sight("park 20", KEST, (2, 2), 0, "nature", 120, 5, 600, 840, ()),
    Sight("castle 40", KEST, (-2, 0), 20, "history", 90, 2, 480, 1200, (2, 4)),
    Sight("market 41", KEST, (0, -1), 5, "food", 45, 3, 780, 1020, ()),
    Sight("museum 50", MORA, (1, 0), 15, "art", 60, 1, 540, 1020, ()),
)
_RIDES = (
    Ride("flight 62", MORA, ARDA, 420, 525, (50,) * 5, (4,) * 5),
    Ride("flight 60", MORA, KEST, 480, 570, (100, 100, 100, 100, 120), (4, 1, 4, 4, 4)),
    Ride("train 61", MORA, KEST, 540, 735, (40,) * 5, (9,) * 5),
    Ride("train 63", ARDA, KEST, 600, 765, (30,) * 5, (9,) * 5),
    Ride("train 71", KEST, MORA, 900, 1095, (45,) * 5, (9,) * 5),
    Ride("flight 70", KEST, MORA, 1080, 1170, (90,) * 5, (9,) * 5),
)
WORLD = World(
    {c.name: c for c in (City(MORA, 0, 0), City(KEST, 300, 0), City(ARDA, 300, 400))},
    {place.name: place for place in _PLACES},
    {ride.name: ride for ride in _RIDES},
)

DIRECTION = Request("direction", party=2, origin=MORA, city=KEST, starts=420, wishes=("cost", "time"), mode="train")
SIGHTS = Request("search", sort="sight", city=KEST, base="hotel 12", wishes=("cost", "near"))
HOTELS = Request("search", sort="hotel", city=KEST, base="gallery 31", wishes=("cost", "near"))
LODGINGS = Request(
    "compare",
    sort="hotel",
    party=2,
    origin=MORA,
    city=KEST,
    options=("hotel 12", "inn 14", "villa 15"),
    wishes=("cost", "rating"),
)
RIDES = replace(LODGINGS, sort="ride", options=("flight 60", "train 61"), wishes=("time", "early"))
DAY = Request(
    "day",
    city=KEST,
    base="hotel 12",
    wishes=("themes", "slack"),
    themes=("art", "nature"),
    pace=3,
    limits=(("budget", 50),),
)
DAYS = replace(DAY, kind="days", origin=MORA, base="", party=2, first=1, last=2, starts=420)


def entries(request: Request, *texts: str) -> tuple[Entry, ...]:
    """A plan as it would be written."""
    found = [parse_entry(text, request.default_day) for text in texts]
    assert None not in found
    return tuple(entry for entry in found if entry)


def trip(request: Request, *texts: str, **limits: Any) -> Itinerary:
    """How a plan happens under certain limits."""
    asked = replace(request, limits=tuple(limits.items())) if limits else request
    return arrange(WORLD, asked, entries(asked, *texts))
