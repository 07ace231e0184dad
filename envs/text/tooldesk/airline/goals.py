"""Customers of the airline and what they want. Every goal adds the reservation and the flights that it is about."""

from __future__ import annotations

from typing import Any

from agentrl.envs.text.tooldesk.airline.policy import BAG_PRICE, CABINS, MAX_BAGS, TODAY
from agentrl.envs.text.tooldesk.calls import Call
from agentrl.envs.text.tooldesk.wishes import Wish, make_wish
from agentrl.envs.text.tooldesk.world import World

CITIES = ("oslo", "rome", "paris", "cairo", "delhi", "tokyo", "lima", "quito", "seoul", "dakar", "milan", "perth")
TIERS = ("regular", "silver", "gold")

PHRASES = {
    "cancel": (
        "Please cancel reservation {reservation}.",
        "I cannot travel. Drop reservation {reservation}, please.",
        "I do not need my flight to {destination} any more. Cancel it.",
    ),
    "upgrade": (
        "Upgrade reservation {reservation} to {cabin}, please.",
        "I want to sit in another cabin on reservation {reservation}.",
        "Can I fly to {destination} in {cabin}?",
    ),
    "bags": (
        "I come with {bags} bags in all on reservation {reservation}.",
        "The number of bags on reservation {reservation} is wrong.",
        "Make it {bags} bags on my flight to {destination}.",
    ),
    "rebook": (
        "Move reservation {reservation} to day {day}, with an upgrade to {cabin}.",
        "I want my flight to {destination} on day {day} and in {cabin}.",
    ),
    "move": (
        "Move reservation {reservation} to day {day}.",
        "I have to fly on another day with reservation {reservation}.",
        "Can I take my flight to {destination} on day {day} instead?",
    ),
    "book": (
        "Book a flight from {origin} to {destination} on day {day} in {cabin} with {bags} bags on payment {payment}.",
        "I want to fly from {origin} to {destination} on day {day}.",
        "I need a ticket in {cabin} from {origin} to {destination} for day {day}, paid by {payment}.",
    ),
}


def populate(world: World) -> int:
    """Three other customers, and the one who calls, each with a card and a gift card."""
    for _ in range(3):
        other = _customer(world)
        day = world.rng.randrange(30, 40)  # later than all that is asked for: no second flight may answer a wish
        _reservation(world, other, world.rng.choice(CITIES), day=day)
    user = _customer(world)
    for _ in range(world.rng.randrange(3)):
        _reservation(world, user, world.fresh(CITIES))
    return user


def cancel(world: World, user: int, trap: bool) -> list[Wish]:
    """Cancel a reservation. Traps: its fare does not allow it; it is in the past."""
    rng = world.rng
    more: dict[str, Any]
    rule = rng.choice(("cancel-fare", "active")) if trap else ""
    if rule == "cancel-fare":
        more = {"cabin": rng.choice(CABINS[:2]), "insured": 0, "hours": rng.randrange(25, 99)}
    else:
        more = rng.choice(({"cabin": "business"}, {"insured": 1}, {"hours": rng.randrange(1, 25)}))
    if rule == "active":
        more["day"] = rng.randrange(10, TODAY)
    number, fields = _reservation(world, user, world.fresh(CITIES), **more)
    call = Call("cancel_reservation", {"reservation": number})
    return [_wish(world, "cancel", fields, [call], f"Reservation {number} is cancelled", rule=rule)]


def upgrade(world: World, user: int, trap: bool) -> list[Wish]:
    """A better cabin. Trap: a worse one."""
    low, high = sorted(world.rng.sample(range(3), 2))
    old, new = (high, low) if trap else (low, high)
    number, fields = _reservation(world, user, world.fresh(CITIES), cabin=CABINS[old])
    call = Call("change_cabin", {"reservation": number, "cabin": CABINS[new]})
    fields["cabin"] = CABINS[new]
    rule = "cabin-up" if trap else ""
    reply = f"Reservation {number} is in {CABINS[new]}"
    return [_wish(world, "upgrade", fields, [call], reply, needs=("cabin",), rule=rule)]


def bags(world: World, user: int, trap: bool) -> list[Wish]:
    """More bags, and sometimes one more still. Traps: fewer than before; too many."""
    rng = world.rng
    rule = rng.choice(("bags-stay", "bags-most")) if trap else ""
    number, fields = _reservation(world, user, world.fresh(CITIES), bags=rng.randrange(2, 4))
    row = world.row("reservations", number)
    before = row[4]
    wanted = {"bags-stay": before - 1, "bags-most": MAX_BAGS + 1}.get(rule, before + rng.randrange(1, 3))
    wishes = []
    for prefix in ("", "I changed my mind. ") if not trap and rng.random() < 0.3 else ("",):
        paid = max(0, wanted - _free(world, user, row[3]))
        call = Call("set_bags", {"reservation": number, "bags": wanted, "paid_bags": paid})
        reply = f"Reservation {number} has {wanted} bags"
        said = {**fields, "bags": wanted}
        instead = {"bags": wanted + 1} if rng.random() < 0.3 else None
        wishes.append(
            _wish(world, "bags", said, [call], reply, needs=("bags",), rule=rule, prefix=prefix, instead=instead)
        )
        wanted += 1
    return wishes


def move(world: World, user: int, trap: bool) -> list[Wish]:
    """Another day. Traps: the ticket is basic; it was for a past day; all flights are full."""
    rng = world.rng
    rule = rng.choice(("basic-fixed", "active", "seats")) if trap else ""
    cabin = "basic" if rule == "basic-fixed" else rng.choice(CABINS[1:])
    past = {"day": rng.randrange(10, TODAY)} if rule == "active" else {}
    number, fields = _reservation(world, user, world.fresh(CITIES), cabin=cabin, **past)
    flight, fields["day"] = _other_day(world, number, full=rule == "seats")
    calls = [] if rule in ("basic-fixed", "active") else [_search(world, flight)]
    calls.append(Call("change_flight", {"reservation": number, "flight": flight}))
    needs = () if rule in ("basic-fixed", "active") else ("day",)
    reply = f"Reservation {number} is on day {fields['day']}"
    return [_wish(world, "move", fields, calls, reply, needs=needs, rule=rule)]


def rebook(world: World, user: int, trap: bool) -> list[Wish]:
    """Another day for a basic ticket, which first has to be upgraded. No rule forbids it."""
    number, fields = _reservation(world, user, world.fresh(CITIES), cabin="basic")
    flight, fields["day"] = _other_day(world, number, full=False)
    fields["cabin"] = world.rng.choice(CABINS[1:])
    calls = [
        _search(world, flight),
        Call("change_cabin", {"reservation": number, "cabin": fields["cabin"]}),
        Call("change_flight", {"reservation": number, "flight": flight}),
    ]
    return [_wish(world, "rebook", fields, calls, f"Reservation {number} is on day {fields['day']}")]


def book(world: World, user: int, trap: bool) -> list[Wish]:
    """A new reservation. Traps: the gift card has not enough; all flights are full."""
    rng = world.rng
    rule = rng.choice(("gift-balance", "seats")) if trap else ""
    destination = world.fresh(CITIES)
    flight = _flight(world, destination, rng.randrange(TODAY, 30), seats=0 if rule == "seats" else None)
    _, origin, _, day, *_ = world.row("flights", flight)
    cabin, bags = rng.choice(CABINS), rng.randrange(4)
    card, gift = (row[0] for row in world.rows["payments"] if row[1] == user)
    payment = gift if rule == "gift-balance" else card
    paid = max(0, bags - _free(world, user, cabin))
    if rule == "gift-balance":
        price = world.row("flights", flight)[5 + CABINS.index(cabin)] + BAG_PRICE * paid
        world.row("payments", gift)[3] = rng.randrange(price // 2, price)
    deed = {"flight": flight, "cabin": cabin, "bags": bags, "paid_bags": paid, "payment": payment}
    fields = {
        "origin": origin,
        "destination": destination,
        "day": day,
        "cabin": cabin,
        "bags": bags,
        "payment": payment,
    }
    needs = () if rule == "seats" else ("cabin", "bags", "payment")
    calls = [_search(world, flight), Call("book", deed)]
    return [
        make_wish(world, "book", PHRASES["book"], fields, calls, f"Flight {flight} is booked", needs=needs, rule=rule)
    ]


GOALS = {"cancel": cancel, "upgrade": upgrade, "bags": bags, "move": move, "rebook": rebook, "book": book}
TRAPS = ("cancel", "upgrade", "bags", "move", "book")


def _wish(world: World, kind: str, fields: dict[str, Any], calls: list[Call], reply: str, **more: Any) -> Wish:
    """A wish about a reservation, which is looked up first."""
    calls = [Call("get_reservation", {"reservation": fields["reservation"]}), *calls]
    return make_wish(world, kind, PHRASES[kind], fields, calls, reply, **more)


def _customer(world: World) -> int:
    user, rng = world.id(), world.rng
    world.add("users", user, world.person(), world.id(), rng.choice(TIERS))
    world.add("payments", world.id(), user, "card", None)
    world.add("payments", world.id(), user, "gift", rng.randrange(20, 400))
    return user


def _free(world: World, user: int, cabin: str) -> int:
    """Bags that cost nothing."""
    return CABINS.index(cabin) + TIERS.index(world.row("users", user)[3])


def _flight(world: World, destination: str, day: int, *, origin: str = "", seats: int | None = None) -> int:
    rng, number = world.rng, world.id()
    origin = origin or rng.choice([city for city in CITIES if city != destination])
    basic = rng.randrange(30, 70)
    seats = rng.randrange(2, 20) if seats is None else seats
    world.add("flights", number, origin, destination, day, seats, basic, basic + 25, basic * 3)
    return number


def _other_day(world: World, reservation: int, *, full: bool) -> tuple[int, int]:
    """A flight on the route of a reservation on another day, the only one with seats unless `full`; and the day."""
    rng = world.rng
    _, origin, destination, old, *_ = world.row("flights", world.row("reservations", reservation)[2])
    day = rng.choice([day for day in range(TODAY, 30) if day != old])
    if rng.random() < 0.4:
        _flight(world, destination, day, origin=origin, seats=0)
    return _flight(world, destination, day, origin=origin, seats=0 if full else None), day


def _search(world: World, flight: int) -> Call:
    _, origin, destination, day, *_ = world.row("flights", flight)
    return Call("search_flights", {"origin": origin, "destination": destination, "day": day})


def _reservation(world: World, user: int, destination: str, **given: Any) -> tuple[int, dict[str, Any]]:
    """A reservation, and the slots that name it. `given`: cabin, bags, insured, hours, day."""
    rng, number = world.rng, world.id()
    cabin, bags = given.get("cabin", rng.choice(CABINS)), given.get("bags", rng.randrange(3))
    day = given.get("day", rng.randrange(TODAY, 30))
    flight = _flight(world, destination, day)
    paid = max(0, bags - _free(world, user, cabin))
    card = next(row[0] for row in world.rows["payments"] if row[1] == user)
    insured, hours = given.get("insured", rng.randrange(2)), given.get("hours", rng.randrange(1, 99))
    world.add("reservations", number, user, flight, cabin, bags, paid, insured, hours, "active", card)
    price = world.row("flights", flight)[5 + CABINS.index(cabin)] + BAG_PRICE * paid
    world.add("charges", number, card, price)
    return number, {"reservation": number, "destination": destination}
