"""What becomes of a plan: when each entry happens, what it costs, and what is wrong with it.

The entries of a day happen in the order in which they were planned, each as early as it can. A day begins at the hotel
of the night before, or where the request says. Nights come after all else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from agentrl.envs.text.travel.plans import Entry, Plan
from agentrl.envs.text.travel.request import Request
from agentrl.envs.text.travel.world import CENTRE, FARE, Hotel, Place, Ride, Sight, Thing, World, bus, walk


@dataclass(frozen=True, slots=True)
class Stop:
    """An entry as it happens."""

    entry: Entry
    what: Thing | None
    """None for a reason."""
    start: int = 0
    """Minutes of the day; 0 for what has no time."""
    end: int = 0
    cost: int = 0
    """The way there included."""
    walked: int = 0
    """Minutes on foot to get there."""
    problem: str = ""
    """Why it does not work; it then costs nothing and takes no time."""


@dataclass(frozen=True)
class Itinerary:
    """A plan as it happens."""

    world: World
    request: Request
    stops: tuple[Stop, ...]
    back: int = 0
    """When one is back on foot at the request's base on the last day, in minutes."""

    @cached_property
    def cost(self) -> int:
        return sum(stop.cost for stop in self.stops)

    @cached_property
    def walked(self) -> int:
        """Minutes."""
        return sum(stop.walked for stop in self.stops)

    @cached_property
    def good(self) -> list[Stop]:
        """Stops that work, in the order in which they happen; reasons are none."""
        return [stop for stop in self.stops if not stop.problem and stop.what]

    @cached_property
    def sights(self) -> list[Sight]:
        return [stop.what for stop in self.good if isinstance(stop.what, Sight)]

    @cached_property
    def hotels(self) -> list[Hotel]:
        return [stop.what for stop in self.good if isinstance(stop.what, Hotel)]

    @cached_property
    def places(self) -> list[Place]:
        """Sights and hotels."""
        return [*self.sights, *self.hotels]

    @property
    def base(self) -> tuple[int, int]:
        """Where walks are measured from."""
        return base_of(self.world, self.request)

    @cached_property
    def rides(self) -> list[Ride]:
        return [stop.what for stop in self.good if isinstance(stop.what, Ride)]

    @cached_property
    def reasons(self) -> list[str]:
        return [stop.entry.name.removeprefix("reason ") for stop in self.stops if stop.what is None]


def base_of(world: World, request: Request) -> tuple[int, int]:
    """Where the request's base lies."""
    return world.places[request.base].at if request.base else CENTRE


def arrange(world: World, request: Request, plan: Plan) -> Itinerary:
    """How a plan of things that exist happens."""
    if not request.timed:
        stops = [_chosen(world, request, entry) for entry in plan]
        return Itinerary(world, request, tuple(stops))
    traveller = _Traveller(world, request)
    by_day: dict[int, list[Entry]] = {}
    for entry in plan:
        by_day.setdefault(entry.day, []).append(entry)
    for day in range(request.first, request.last + 1):
        traveller.live(day, by_day.pop(day, []))
    outside = [Stop(entry, world.find(entry.name), problem="wrong day") for rest in by_day.values() for entry in rest]
    back = traveller.now + walk(traveller.at, base_of(world, request))
    return Itinerary(world, request, (*traveller.stops, *outside), back)


def _chosen(world: World, request: Request, entry: Entry) -> Stop:
    what = world.find(entry.name)
    if what and entry.day != request.first:
        return Stop(entry, what, problem="wrong day")
    if isinstance(what, Ride):
        if what.seats_on(entry.day) < request.party:
            return Stop(entry, what, problem="full")
        return Stop(entry, what, what.departs, what.arrives, what.price(entry.day))
    return Stop(entry, what, cost=what.price if what else 0)


class _Traveller:
    """Goes through a plan day by day."""

    def __init__(self, world: World, request: Request) -> None:
        self.world, self.request = world, request
        self.city = request.origin or request.city
        self.at = base_of(world, request)
        self.now = request.starts
        self.stops: list[Stop] = []
        self._seen: set[str] = set()

    def live(self, day: int, entries: list[Entry]) -> None:
        """Spend a day, and the night after it."""
        self.now = self.request.starts
        nights = []
        for entry in entries:
            what = self.world.find(entry.name)
            if isinstance(what, Ride):
                self.stops.append(self._ride(entry, what))
            elif isinstance(what, Sight):
                self.stops.append(self._visit(entry, what))
            elif isinstance(what, Hotel):
                nights.append((entry, what))
            else:
                self.stops.append(Stop(entry, None))
        asleep = False
        for entry, hotel in nights:
            stop = self._night(entry, hotel, taken=asleep)
            self.stops.append(stop)
            asleep = asleep or not stop.problem

    def _ride(self, entry: Entry, ride: Ride) -> Stop:
        problem = ""
        if ride.origin != self.city:
            problem = "elsewhere"
        elif ride.seats_on(entry.day) < self.request.party:
            problem = "full"
        elif self.now + walk(self.at, CENTRE) > ride.departs:
            problem = "missed"
        if problem:
            return Stop(entry, ride, problem=problem)
        walked = walk(self.at, CENTRE)
        self.now, self.at, self.city = ride.arrives, CENTRE, ride.destination
        return Stop(entry, ride, ride.departs, ride.arrives, ride.price(entry.day), walked)

    def _visit(self, entry: Entry, sight: Sight) -> Stop:
        way = bus(self.at, sight.at) if entry.bus else walk(self.at, sight.at)
        start = max(self.now + way, sight.opens)
        problem = ""
        if sight.city != self.city:
            problem = "elsewhere"
        elif sight.name in self._seen:
            problem = "twice"
        elif entry.day in sight.closed:
            problem = "closed"
        elif start + sight.minutes > sight.closes:
            problem = "late"
        if problem:
            return Stop(entry, sight, problem=problem)
        self._seen.add(sight.name)
        self.now, self.at = start + sight.minutes, sight.at
        fare, walked = (FARE, 0) if entry.bus else (0, way)
        return Stop(entry, sight, start, self.now, sight.price + fare, walked)

    def _night(self, entry: Entry, hotel: Hotel, *, taken: bool) -> Stop:
        if hotel.city != self.city or entry.day == self.request.last:
            return Stop(entry, hotel, problem="elsewhere" if hotel.city != self.city else "no night")
        if taken:
            return Stop(entry, hotel, problem="twice")
        walked = walk(self.at, hotel.at)
        self.at = hotel.at
        return Stop(entry, hotel, cost=hotel.price, walked=walked)
