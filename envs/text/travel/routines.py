"""How the planner goes about each kind of request: generators that yield actions and are sent what these brought."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator

from agentrl.envs.text.travel.reading import Asked, Row, read_rows

Steps = Generator[str, str, None]
Rows = Generator[str, str, list[Row]]

_MODES = ("trains", "flights")
_GAP = 30
"""Minutes that it reckons with between two things."""
_PATIENCE = 3
"""Sights that did not fit, after which it tries no others on a day."""
_EARLY, _LATE = "1430", "1400"
"""Arrival there and departure home that leave time for sights."""


def _price(row: Row) -> int:
    return row.numbers["price"]


def _minutes(time: str) -> int:
    return 60 * int(time[:2]) + int(time[2:])


def direction(asked: Asked) -> Steps:
    """The first direct way that fits, else the first that changes in the third city."""

    def fits(ride: Row) -> bool:
        return ride.numbers["seats"] >= asked.party and ride.start >= asked.leave and ride.end <= asked.arrive

    direct = yield from _rides(asked.origin, asked.city, asked.first, lambda r: fits(r) and _price(r) <= asked.budget)
    if direct:
        yield f"plan {direct[0].name}"
        return
    cities = re.findall(r"(?!km)\b[a-z]+ \d+", (yield "cities"))
    third = next((city for city in cities if city not in (asked.origin, asked.city)), "")
    legs: list[list[Row]] = []
    for origin, city in ((asked.origin, third), (third, asked.city)):
        legs.append([])
        for mode in _MODES:
            legs[-1] += filter(fits, read_rows((yield f"{mode} from {origin} to {city} day {asked.first}")))
    for a in legs[0]:
        for b in legs[1]:
            if a.end <= b.start and _price(a) + _price(b) <= asked.budget:
                yield f"plan {a.name}; {b.name}"
                return


def _rides(origin: str, city: str, day: int, *tests: Callable[[Row], bool]) -> Rows:
    """Trains that pass the first test, or else flights; where there are none, any ride that passes the next test."""
    found: list[Row] = []
    for mode in _MODES:
        found += read_rows((yield f"{mode} from {origin} to {city} day {day}"))
        if good := list(filter(tests[0], found)):
            return good
    return next((good for test in tests[1:] if (good := list(filter(test, found)))), [])


def search(asked: Asked) -> Steps:
    """The first that fit, in the order in which they are listed."""
    if asked.hotels:
        places = read_rows((yield f"hotels in {asked.city}"))
        places = [place for place in places if place.numbers["stars"] >= asked.stars]
    else:
        theme = f" theme {asked.theme}" if asked.theme else ""
        places = read_rows((yield f"sights in {asked.city}{theme}"))
        open_ = {row.name for row in read_rows((yield f"hours in {asked.city} day {asked.first}"))}
        places = [place for place in places if place.name in open_]
    walks = {row.name: row.numbers["walk"] for row in read_rows((yield f"near {asked.base}"))}
    found = 0
    for place in places:
        if found < asked.number and _price(place) <= asked.each:
            if place.name not in walks:
                walks[place.name] = int((yield f"route {asked.base} to {place.name}").split()[1])
            if walks[place.name] <= asked.within:
                yield f"plan {place.name}"
                found += 1


_MERITS: dict[bool, dict[str, Callable[[Row], int]]] = {
    True: {
        "price": lambda hotel: -_price(hotel),
        "near": lambda hotel: -hotel.numbers["walk"],
        "stars": lambda hotel: hotel.numbers["stars"],
    },
    False: {
        "price": lambda ride: -_price(ride),
        "time": lambda ride: _minutes(ride.start) - _minutes(ride.end),
        "early": lambda ride: -_minutes(ride.end),
    },
}
"""For hotels, and for rides: reason → measure; more is better."""


def compare(asked: Asked) -> Steps:
    """The first option that fits and has something to speak for it, with one reason."""
    known: list[Row] = []
    if asked.hotels:
        known += read_rows((yield f"hotels in {asked.city}"))
    else:
        for mode in sorted({f"{name.partition(' ')[0]}s" for name in asked.options}):
            known += read_rows((yield f"{mode} from {asked.origin} to {asked.city} day {asked.first}"))
    options = [row for row in known if row.name in asked.options]
    for option in options:
        good = [why for why, m in _MERITS[asked.hotels].items() if m(option) == max(map(m, options))]
        fits = _price(option) <= asked.budget and option.end <= asked.arrive
        fits = fits and option.numbers.get("walk", 0) <= asked.within
        if good and fits and option.numbers.get("seats", asked.party) >= asked.party:
            yield f"plan {option.name}"
            yield f"plan reason {good[0]}"
            return


def day(asked: Asked) -> Steps:
    """First what must be seen, then what is liked, until there is enough."""
    sights = read_rows((yield f"sights in {asked.city}"))
    hours = read_rows((yield f"hours in {asked.city} day {asked.first}"))
    for late_first in (False, True):
        seen = yield from _spend(asked, asked.first, sights, hours, asked.sights, late_first=late_first)
        if {*asked.must} <= {row.name for row in seen}:
            return
        if not late_first and seen:
            yield "drop all"


def _spend(
    asked: Asked,
    day: int,
    sights: list[Row],
    hours: list[Row],
    wanted: int,
    *,
    begin: str = "",
    until: int = 24 * 60,
    spare: int = 0,
    late_first: bool = False,
) -> Rows:
    """Plan visits on a day: what must be seen, and as much more as is wanted. Returns them.

    Args:
        begin: time from which on there is time; "" for that of every day.
        until: minute of the day at which it is over.
        spare: money that is still needed for other things.
        late_first: whether what must be seen and closes late comes first.
    """
    known = {row.name: row for row in hours}
    rows = [row for row in sights if row.name in known]
    rows.sort(key=lambda row: (row.name not in asked.must, row.theme not in asked.liked))
    must = [row for row in rows if row.name in asked.must]
    rows[: len(must)] = sorted(must, key=lambda row: known[row.name].end, reverse=late_first)
    seen: list[Row] = []
    failed = 0
    now = _minutes(begin or asked.leave)
    for row in rows:
        start = max(now + _GAP, _minutes(known[row.name].start))
        over = min(until, _minutes(known[row.name].end), _minutes(asked.back))
        worth_it = row.name in asked.must or (len(seen) < wanted and failed < _PATIENCE)
        if worth_it and start + row.numbers["visit"] <= over:
            visit = yield from _visit(asked, row.name, day, until, spare)
            now = _minutes(visit[0].end) if visit else now
            seen += visit
            failed += not visit
    return seen


def _visit(asked: Asked, name: str, day: int, until: int, spare: int) -> Rows:
    """Plan a visit; drop it again where it does not fit. Returns it, if it was left in."""
    text = yield f"plan {name} day {day}"
    rows = {row.name: row for row in read_rows(text)}
    total = re.search(r"^cost (\d+)(?: back (\d+))?", text, re.MULTILINE)
    if name in rows and not rows[name].problem and total:
        cheap = int(total[1]) + spare <= asked.budget
        if cheap and (total[2] or "") <= asked.back and _minutes(rows[name].end) <= until:
            return [rows[name]]
    yield f"drop {name}"
    return []


def days(asked: Asked) -> Steps:
    """Cheap rides that leave time for sights, and the cheapest hotel that will do; sights as on one day."""

    def there(ride: Row) -> bool:
        return ride.numbers["seats"] >= asked.party and ride.start >= asked.leave

    def back(ride: Row) -> bool:
        caught = _minutes(ride.start) >= _minutes(asked.leave) + 2 * _GAP
        return caught and ride.numbers["seats"] >= asked.party and ride.end <= asked.home

    def early(ride: Row) -> bool:
        return there(ride) and ride.end <= _EARLY

    def late(ride: Row) -> bool:
        return back(ride) and ride.start >= _LATE

    out = sorted((yield from _rides(asked.origin, asked.city, asked.first, early, there)), key=_price)
    home = sorted((yield from _rides(asked.city, asked.origin, asked.last, late, back)), key=_price)
    hotels = read_rows((yield f"hotels in {asked.city}"))
    hotels = sorted((hotel for hotel in hotels if hotel.numbers["stars"] >= asked.stars), key=_price)
    if not (out and home and hotels):
        return
    nights = [f"{hotels[0].name} day {night}" for night in range(asked.first, asked.last)]
    yield "plan " + "; ".join([f"{out[0].name} day {asked.first}", *nights])
    sights = read_rows((yield f"sights in {asked.city}"))
    seen: list[str] = []
    for day in dict.fromkeys((asked.first + 1, asked.first, asked.last)):
        if len(seen) < asked.sights or not {*asked.must} <= {*seen}:
            hours = read_rows((yield f"hours in {asked.city} day {day}"))
            visits = yield from _spend(
                asked,
                day,
                [row for row in sights if row.name not in seen],
                hours,
                asked.sights - len(seen),
                begin=out[0].end if day == asked.first else "",
                until=_minutes(home[0].start) - 2 * _GAP if day == asked.last else 24 * 60,
                spare=_price(home[0]),
            )
            seen += [row.name for row in visits]
    yield f"plan {home[0].name} day {asked.last}"
