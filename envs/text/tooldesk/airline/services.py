"""How an expert serves the customers of the airline, from what it reads alone."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass

from agentrl.envs.text.tooldesk.airline.goals import TIERS
from agentrl.envs.text.tooldesk.airline.policy import BAG_PRICE, CABINS, MAX_BAGS, TODAY
from agentrl.envs.text.tooldesk.desk import Refused, Service, Steps, call, need, refuse_unless

_RESERVATION = re.compile(
    r"reservation (\d+) (\w+): flight (\d+) (\w+) to (\w+) on day (\d+), (\w+), (\d+) bags, "
    r"(insured|not insured), booked (\d+) hours ago"
)
_FLIGHT = re.compile(r"flight (\d+), (\d+) seats, basic (\d+), economy (\d+), business (\d+)")
_GIFT = re.compile(r"gift (\d+) with (\d+)")


@dataclass(frozen=True, slots=True)
class _Reservation:
    """What `get_reservation` says."""

    id: str
    status: str
    flight: str
    origin: str
    destination: str
    day: int
    cabin: str
    bags: int
    insured: bool
    hours: int


def _find(user: str, slots: Mapping[str, str]) -> Generator[str, str, _Reservation]:
    """Look up the reservation that the wish names, or search all for its destination."""
    listed = re.search(r"reservations ([\d ]+)", user)
    numbers = [slots["reservation"]] if "reservation" in slots else listed[1].split() if listed else []
    for number in numbers:
        match = _RESERVATION.match((yield from call("get_reservation", reservation=number)))
        if match and ("reservation" in slots or match[5] == slots.get("destination")):
            refuse_unless(match[2] == "active" and int(match[6]) >= TODAY, "active")
            id_, status, flight, origin, destination, day, cabin, bags, insured, hours = match.groups()
            return _Reservation(
                id_, status, flight, origin, destination, int(day), cabin, int(bags), insured == "insured", int(hours)
            )
    raise Refused("unknown")


def _flight_on(origin: str, destination: str, day: str) -> Generator[str, str, tuple[str, dict[str, int]]]:
    """A flight with a free seat, and its prices."""
    output = yield from call("search_flights", origin=origin, destination=destination, day=day)
    for flight, seats, *prices in _FLIGHT.findall(output):
        if int(seats):
            return flight, dict(zip(CABINS, map(int, prices), strict=True))
    raise Refused("seats")


def _paid(user: str, cabin: str, bags: int) -> int:
    """Bags beyond the free ones."""
    return max(0, bags - CABINS.index(cabin) - TIERS.index(user.split()[0]))


def cancel(user: str, slots: dict[str, str]) -> Steps:
    """Cancel a reservation."""
    found = yield from _find(user, slots)
    refuse_unless(found.cabin == "business" or found.insured or found.hours <= 24, "cancel-fare")
    yield from call("cancel_reservation", reservation=found.id)
    return f"Reservation {found.id} is cancelled"


def upgrade(user: str, slots: dict[str, str]) -> Steps:
    """A better cabin."""
    found = yield from _find(user, slots)
    cabin = yield from need(slots, "cabin")
    refuse_unless(cabin in CABINS and CABINS.index(cabin) >= CABINS.index(found.cabin), "cabin-up")
    yield from call("change_cabin", reservation=found.id, cabin=cabin)
    return f"Reservation {found.id} is in {cabin}"


def bags(user: str, slots: dict[str, str]) -> Steps:
    """More bags."""
    found = yield from _find(user, slots)
    number = int((yield from need(slots, "bags")) or 0)
    refuse_unless(number >= found.bags, "bags-stay")
    refuse_unless(number <= MAX_BAGS, "bags-most")
    yield from call("set_bags", reservation=found.id, bags=number, paid_bags=_paid(user, found.cabin, number))
    return f"Reservation {found.id} has {number} bags"


def move(user: str, slots: dict[str, str]) -> Steps:
    """Another day."""
    found = yield from _find(user, slots)
    refuse_unless(found.cabin != "basic", "basic-fixed")
    day = yield from need(slots, "day")
    flight, _ = yield from _flight_on(found.origin, found.destination, day)
    yield from call("change_flight", reservation=found.id, flight=flight)
    return f"Reservation {found.id} is on day {day}"


def rebook(user: str, slots: dict[str, str]) -> Steps:
    """Another day, after an upgrade that makes it possible."""
    found = yield from _find(user, slots)
    flight, _ = yield from _flight_on(found.origin, found.destination, slots["day"])
    yield from call("change_cabin", reservation=found.id, cabin=slots["cabin"])
    yield from call("change_flight", reservation=found.id, flight=flight)
    return f"Reservation {found.id} is on day {slots['day']}"


def book(user: str, slots: dict[str, str]) -> Steps:
    """A new reservation."""
    flight, prices = yield from _flight_on(slots["origin"], slots["destination"], slots["day"])
    cabin = yield from need(slots, "cabin")
    number = int((yield from need(slots, "bags")) or 0)
    payment = yield from need(slots, "payment")
    paid = _paid(user, cabin, number)
    balance = dict(_GIFT.findall(user)).get(payment)
    refuse_unless(balance is None or int(balance) >= prices[cabin] + BAG_PRICE * paid, "gift-balance")
    yield from call("book", flight=flight, cabin=cabin, bags=number, paid_bags=paid, payment=payment)
    return f"Flight {flight} is booked"


SERVICES: dict[str, Service] = {
    "cancel": cancel,
    "upgrade": upgrade,
    "bags": bags,
    "move": move,
    "rebook": rebook,
    "book": book,
}
