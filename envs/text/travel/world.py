"""The world of a task: three cities, what stands in them, and what goes between them.

Money comes in units of 5 and time in quarters of an hour, so that a small vocabulary holds every number. Prices are for
the whole party.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from agentrl.envs.text.travel.names import CITIES, HOTELS, SIGHTS, Names

DAYS = range(1, 6)
FARE = 5
"""Of a bus."""
_HOTELS, _SIGHTS, _MOST_RIDES = 6, 10, 4
"""Hotels and sights of a city; flights from one city to another, and as many trains."""
_LAST_ARRIVAL = 23 * 60 + 30


@dataclass(frozen=True, slots=True)
class City:
    """A city, and where it lies (km)."""

    name: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Hotel:
    """A place to sleep. Its price is that of a night."""

    name: str
    city: str
    at: tuple[int, int]
    price: int
    stars: int


@dataclass(frozen=True, slots=True)
class Sight:
    """A place to see. Times are minutes of the day."""

    name: str
    city: str
    at: tuple[int, int]
    price: int
    theme: str
    minutes: int
    """That a visit takes."""
    rating: int
    """1 to 5."""
    opens: int
    closes: int
    closed: tuple[int, ...]
    """Days."""


@dataclass(frozen=True, slots=True)
class Ride:
    """A flight or train, at the same time every day. Times are minutes of the day."""

    name: str
    origin: str
    destination: str
    departs: int
    arrives: int
    prices: tuple[int, ...]
    """Per day, beginning with day 1."""
    seats: tuple[int, ...]
    """Left, per day."""

    @property
    def mode(self) -> str:
        """`flight` or `train`."""
        return self.name.partition(" ")[0]

    @property
    def minutes(self) -> int:
        return self.arrives - self.departs

    def price(self, day: int) -> int:
        return self.prices[day - 1]

    def seats_on(self, day: int) -> int:
        return self.seats[day - 1]


Place = Hotel | Sight
Thing = Place | Ride
CENTRE = (0, 0)
"""Where a city's station and airport bus are."""


@dataclass(frozen=True, slots=True)
class World:
    """All there is, by name."""

    cities: dict[str, City]
    places: dict[str, Place]
    rides: dict[str, Ride]

    def hotels(self, city: str) -> list[Hotel]:
        return [place for place in self.places.values() if isinstance(place, Hotel) and place.city == city]

    def sights(self, city: str) -> list[Sight]:
        return [place for place in self.places.values() if isinstance(place, Sight) and place.city == city]

    def between(self, origin: str, destination: str) -> list[Ride]:
        """Rides, in order of departure."""
        return [r for r in self.rides.values() if r.origin == origin and r.destination == destination]

    def find(self, name: str) -> Thing | None:
        return self.places.get(name) or self.rides.get(name)

    def quickest(self, origin: str, destination: str) -> int:
        """Minutes that a flight takes."""
        return _flight_minutes(distance(self.cities[origin], self.cities[destination]))


def distance(a: City, b: City) -> float:
    """In km."""
    return math.hypot(a.x - b.x, a.y - b.y)


def walk(a: tuple[int, int], b: tuple[int, int]) -> int:
    """Minutes on foot."""
    return 0 if a == b else 15 * max(1, round(math.dist(a, b)))


def bus(a: tuple[int, int], b: tuple[int, int]) -> int:
    """Minutes by bus."""
    return 0 if a == b else 15 * max(1, round(math.dist(a, b) / 3))


def generate(rng: random.Random, split: str) -> World:
    """A world whose names are of the split."""
    names = Names(rng, split)
    cities = _cities(rng, names)
    places: dict[str, Place] = {}
    for city in cities:
        for _ in range(_HOTELS):
            hotel = _hotel(rng, names.draw(HOTELS), city)
            places[hotel.name] = hotel
        for _ in range(_SIGHTS):
            sight = _sight(rng, names.draw(tuple(SIGHTS)), city)
            places[sight.name] = sight
    rides = sorted(_rides(rng, cities), key=lambda ride: (ride.departs, ride.name))
    return World(cities, places, {ride.name: ride for ride in rides})


def _cities(rng: random.Random, names: Names) -> dict[str, City]:
    while True:
        cities = [City(names.draw(CITIES), 10 * rng.randrange(80), 10 * rng.randrange(80)) for _ in range(3)]
        if all(150 <= distance(a, b) <= 900 for a, b in permutations(cities, 2)):
            return {city.name: city for city in cities}


def _spot(rng: random.Random) -> tuple[int, int]:
    return rng.randrange(-2, 3), rng.randrange(-2, 3)


def _hotel(rng: random.Random, name: str, city: str) -> Hotel:
    stars, at = rng.randrange(1, 6), _spot(rng)
    price = 20 + 20 * stars + 5 * rng.randrange(-4, 9) - 5 * walk(CENTRE, at) // 15
    return Hotel(name, city, at, max(20, price), stars)


def _sight(rng: random.Random, name: str, city: str) -> Sight:
    opens = 60 * rng.choice((8, 9, 9, 10, 10, 11, 13))
    return Sight(
        name,
        city,
        _spot(rng),
        price=5 * rng.randrange(7),
        theme=SIGHTS[name.partition(" ")[0]],
        minutes=rng.choice((45, 60, 90, 120)),
        rating=rng.randrange(1, 6),
        opens=opens,
        closes=opens + 60 * rng.choice((4, 6, 7, 8, 9)),
        closed=tuple(sorted(rng.sample(DAYS, rng.choice((0, 1, 1, 2))))),
    )


def _rides(rng: random.Random, cities: dict[str, City]) -> Iterator[Ride]:
    numbers = {mode: iter(rng.sample(range(10, 100), 6 * _MOST_RIDES)) for mode in ("flight", "train")}
    for a, b in permutations(cities.values(), 2):
        km = distance(a, b)
        for _ in range(rng.randint(2, _MOST_RIDES)):
            yield _ride(rng, f"flight {next(numbers['flight'])}", a, b, _flight_minutes(km), 40 + km / 6)
        for _ in range(rng.randint(2, _MOST_RIDES)):
            yield _ride(rng, f"train {next(numbers['train'])}", a, b, _quarters(45 + km / 2.5), 15 + km / 8)


def _ride(rng: random.Random, name: str, a: City, b: City, minutes: int, price: float) -> Ride:
    minutes += 15 * rng.randrange(3)
    departs = rng.randrange(6 * 60, _LAST_ARRIVAL - minutes, 15)
    base = price * (0.7 + 0.6 * rng.random())
    prices = tuple(5 * max(2, round(base * factor / 5)) for factor in rng.choices((0.8, 1, 1, 1.2), k=len(DAYS)))
    seats = tuple(rng.choices((0, 1, 2, 3, 4, 6, 8, 9), k=len(DAYS)))
    return Ride(name, a.name, b.name, departs, departs + minutes, prices, seats)


def _flight_minutes(km: float) -> int:
    return _quarters(60 + km / 10)


def _quarters(minutes: float) -> int:
    """Rounded to quarters of an hour."""
    return 15 * round(minutes / 15)


def clock(minutes: int) -> str:
    """A time of day: 570 → "0930"."""
    return f"{minutes // 60:02d}{minutes % 60:02d}"
