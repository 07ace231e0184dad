"""Tools of the airline. What they may do is not their business: the database refuses what a rule forbids."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from agentrl.envs.text.tooldesk.airline.policy import BAG_PRICE
from agentrl.envs.text.tooldesk.tools import Database, Id, Text, Toolbox, one, tool, transfer

Cabin = Literal["basic", "economy", "business"]
Bags = Annotated[int, Field(ge=0, lt=100)]

_COLUMNS = "flight, cabin, payment, paid_bags"


def _reservation(db: Database, reservation: int, columns: str = _COLUMNS) -> tuple[Any, ...]:
    query = f"SELECT {columns} FROM reservations WHERE id = ? AND user = (SELECT user FROM session)"
    return one(db, query, reservation, missing=f"the user has no reservation {reservation}")


def _price(db: Database, flight: int, cabin: str) -> int:
    query = "SELECT basic, economy, business FROM flights WHERE id = ?"
    prices = dict(
        zip(("basic", "economy", "business"), one(db, query, flight, missing=f"no flight {flight}"), strict=True)
    )
    return int(prices[cabin])


def _seat(db: Database, flight: int, taken: int) -> None:
    db.execute("UPDATE flights SET seats = seats - ? WHERE id = ?", (taken, flight))


def _charge(db: Database, reservation: int, payment: int, amount: int) -> str:
    """Take an amount for a reservation from a payment method; a negative one is a refund."""
    if amount:
        db.execute(
            "INSERT INTO charges VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
            (reservation, payment, amount),
        )
        db.execute("UPDATE payments SET balance = balance - ? WHERE id = ? AND kind = 'gift'", (amount, payment))
    return f"{amount} charged" if amount >= 0 else f"{-amount} refunded"


@tool()
def find_user(db: Database, name: Text, pin: Id) -> str:
    """Identify a user."""
    query = "SELECT id, tier FROM users WHERE name = ? AND pin = ?"
    user, tier = one(db, query, name.lower(), pin, missing="no user with this name and pin")
    db.execute("DELETE FROM session")
    db.execute("INSERT INTO session VALUES (?)", (user,))
    query = "SELECT id FROM reservations WHERE user = ? ORDER BY id"
    reservations = " ".join(str(row[0]) for row in db.execute(query, (user,))) or "none"
    payments = [
        f"{kind} {id_} with {balance}" if kind == "gift" else f"{kind} {id_}"
        for id_, kind, balance in db.execute(
            "SELECT id, kind, balance FROM payments WHERE user = ? ORDER BY id", (user,)
        )
    ]
    return f"{tier} user; reservations {reservations}; payments {', '.join(payments)}"


@tool()
def get_reservation(db: Database, reservation: Id) -> str:
    """Flight, cabin, bags, insurance and payment of a reservation."""
    columns = "flight, cabin, bags, insured, hours, status, payment"
    flight, cabin, bags, insured, hours, status, payment = _reservation(db, reservation, columns)
    query = "SELECT origin, destination, day FROM flights WHERE id = ?"
    origin, destination, day = db.execute(query, (flight,)).fetchone()
    return (
        f"reservation {reservation} {status}: flight {flight} {origin} to {destination} on day {day}, {cabin}, "
        f"{bags} bags, {'insured' if insured else 'not insured'}, booked {hours} hours ago, payment {payment}"
    )


@tool()
def search_flights(db: Database, origin: Text, destination: Text, day: Id) -> str:
    """Flights of a day, with free seats and prices."""
    query = "SELECT * FROM flights WHERE origin = ? AND destination = ? AND day = ? ORDER BY id"
    rows = db.execute(query, (origin.lower(), destination.lower(), day)).fetchall()
    return (
        "; ".join(
            f"flight {flight}, {seats} seats, basic {basic}, economy {economy}, business {business}"
            for flight, _, _, _, seats, basic, economy, business in rows
        )
        or "no flights"
    )


@tool(writes=True)
def book(db: Database, flight: Id, cabin: Cabin, bags: Bags, paid_bags: Bags, payment: Id) -> str:
    """Book a flight."""
    (user,) = one(db, "SELECT user FROM session", missing="no user is identified")
    price = _price(db, flight, cabin) + BAG_PRICE * paid_bags
    (number,) = db.execute("SELECT MAX(id) + 1 FROM reservations").fetchone()
    row = (number, user, flight, cabin, bags, paid_bags, 0, 0, "active", payment)
    db.execute(f"INSERT INTO reservations VALUES ({', '.join('?' * len(row))})", row)
    _seat(db, flight, 1)
    return f"reservation {number}, {_charge(db, number, payment, price)}"


@tool(writes=True)
def cancel_reservation(db: Database, reservation: Id) -> str:
    """Cancel a reservation and refund it."""
    flight, *_ = _reservation(db, reservation)
    db.execute("UPDATE reservations SET status = 'cancelled' WHERE id = ?", (reservation,))
    _seat(db, flight, -1)
    query = "SELECT payment, amount FROM charges WHERE reservation = ?"
    for payment, amount in db.execute(query, (reservation,)).fetchall():
        _charge(db, reservation, payment, -amount)
    return "cancelled"


@tool(writes=True)
def change_flight(db: Database, reservation: Id, flight: Id) -> str:
    """Move a reservation to another flight, for the difference in price."""
    old, cabin, payment, _ = _reservation(db, reservation)
    more = _price(db, flight, cabin) - _price(db, old, cabin)
    db.execute("UPDATE reservations SET flight = ? WHERE id = ?", (flight, reservation))
    _seat(db, old, -1)
    _seat(db, flight, 1)
    return f"changed, {_charge(db, reservation, payment, more)}"


@tool(writes=True)
def change_cabin(db: Database, reservation: Id, cabin: Cabin) -> str:
    """Upgrade a reservation, for the difference in price."""
    flight, old, payment, _ = _reservation(db, reservation)
    db.execute("UPDATE reservations SET cabin = ? WHERE id = ?", (cabin, reservation))
    return f"changed, {_charge(db, reservation, payment, _price(db, flight, cabin) - _price(db, flight, old))}"


@tool(writes=True)
def set_bags(db: Database, reservation: Id, bags: Bags, paid_bags: Bags) -> str:
    """Set the number of all bags, and of those that are paid for."""
    *_, payment, paid = _reservation(db, reservation)
    db.execute("UPDATE reservations SET bags = ?, paid_bags = ? WHERE id = ?", (bags, paid_bags, reservation))
    return f"set, {_charge(db, reservation, payment, BAG_PRICE * (paid_bags - paid))}"


TOOLS = Toolbox(
    (
        find_user,
        get_reservation,
        search_flights,
        book,
        cancel_reservation,
        change_flight,
        change_cabin,
        set_bags,
        transfer,
    )
)
