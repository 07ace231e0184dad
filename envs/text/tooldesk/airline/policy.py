"""Tables and rules of the airline. Amounts are in dollars, `hours` counts from the booking, today is day 20."""

from __future__ import annotations

from agentrl.envs.text.tooldesk.database import Comparison
from agentrl.envs.text.tooldesk.rules import Guard, Rule

TODAY = 20
CABINS = ("basic", "economy", "business")
BAG_PRICE = 25
MAX_BAGS = 6

TABLES = {
    "session": "user INTEGER",
    "users": "id INTEGER PRIMARY KEY, name TEXT, pin INTEGER, tier TEXT",
    "payments": "id INTEGER PRIMARY KEY, user INTEGER, kind TEXT, balance INTEGER",
    "flights": (
        "id INTEGER PRIMARY KEY, origin TEXT, destination TEXT, day INTEGER, seats INTEGER, "
        "basic INTEGER, economy INTEGER, business INTEGER"
    ),
    "reservations": (
        "id INTEGER PRIMARY KEY, user INTEGER, flight INTEGER, cabin TEXT, bags INTEGER, paid_bags INTEGER, "
        "insured INTEGER, hours INTEGER, status TEXT, payment INTEGER"
    ),
    "charges": "reservation INTEGER, payment INTEGER, amount INTEGER, PRIMARY KEY (reservation, payment)",
}
"""`session` holds the user who was identified; flights have a price for each cabin; `charges` are net."""

COMPARISON = Comparison(
    {
        "payments": (1, "SELECT id, balance FROM payments"),
        "flights": (1, "SELECT id, seats FROM flights"),
        "reservations": (1, "SELECT id, user, flight, cabin, bags, paid_bags, status, payment FROM reservations"),
        "charges": (2, "SELECT reservation, payment, amount FROM charges WHERE amount <> 0"),
    }
)

_IDENTIFIED = "(SELECT user FROM session)"
_RESERVATION = "(SELECT {} FROM reservations WHERE id = NEW.reservation)"
_RANK = "(CASE {}.cabin WHEN 'basic' THEN 0 WHEN 'economy' THEN 1 ELSE 2 END)"
_FREE = (
    f"{_RANK.format('NEW')} + "
    "(SELECT CASE tier WHEN 'gold' THEN 2 WHEN 'silver' THEN 1 ELSE 0 END FROM users WHERE id = NEW.user)"
)
_UNPAID = f"NEW.paid_bags <> MAX(0, NEW.bags - ({_FREE}))"
_FLIGHT = "(SELECT {} FROM flights WHERE id = {}.flight)"

RULES = (
    Rule(
        "identify",
        "First find the user by name and pin; serve only their own reservations.",
        (
            Guard("reservations", f"NEW.user IS NOT {_IDENTIFIED}", "INSERT"),
            Guard("reservations", f"NEW.user IS NOT {_IDENTIFIED}", "UPDATE"),
            Guard("charges", f"{_RESERVATION.format('user')} IS NOT {_IDENTIFIED}", "INSERT"),
        ),
    ),
    Rule(
        "active",
        f"Cancelled reservations and those of past days (today is {TODAY}) stay as they are.",
        (Guard("reservations", f"OLD.status <> 'active' OR {_FLIGHT.format('day', 'OLD')} < {TODAY}", "UPDATE"),),
    ),
    Rule(
        "cancel-fare",
        "A reservation can be cancelled if it is in business, or insured, or booked within 24 hours.",
        (
            Guard(
                "reservations",
                "NEW.status = 'cancelled' AND OLD.cabin <> 'business' AND NOT OLD.insured AND OLD.hours > 24",
                "UPDATE",
            ),
        ),
    ),
    Rule(
        "basic-fixed",
        "The flight of a basic ticket cannot be changed; after an upgrade of the cabin it can.",
        (Guard("reservations", "OLD.cabin = 'basic' AND NEW.flight <> OLD.flight", "UPDATE"),),
    ),
    Rule(
        "same-route",
        "A new flight must have the same origin and destination.",
        (
            Guard(
                "reservations",
                " OR ".join(
                    f"{_FLIGHT.format(column, 'NEW')} <> {_FLIGHT.format(column, 'OLD')}"
                    for column in ("origin", "destination")
                ),
                "UPDATE",
            ),
        ),
    ),
    Rule("seats", "A flight needs a free seat.", (Guard("flights", "seats < 0"),)),
    Rule(
        "cabin-up",
        "Cabins can only be upgraded: basic, economy, business.",
        (Guard("reservations", f"{_RANK.format('NEW')} < {_RANK.format('OLD')}", "UPDATE"),),
    ),
    Rule("bags-stay", "Bags can be added, never removed.", (Guard("reservations", "NEW.bags < OLD.bags", "UPDATE"),)),
    Rule("bags-most", f"A reservation has at most {MAX_BAGS} bags.", (Guard("reservations", f"bags > {MAX_BAGS}"),)),
    Rule(
        "bags-paid",
        "Free bags: 0 in basic, 1 in economy, 2 in business, and 1 more for silver, 2 more for gold users. "
        f"paid_bags is the rest, for {BAG_PRICE} each.",
        (
            Guard("reservations", _UNPAID, "INSERT"),
            Guard(
                "reservations",
                f"(NEW.bags <> OLD.bags OR NEW.paid_bags <> OLD.paid_bags) AND {_UNPAID}",
                "UPDATE",
            ),
        ),
    ),
    Rule(
        "own-payment",
        "Payment methods must belong to the user.",
        (
            Guard(
                "charges",
                f"(SELECT user FROM payments WHERE id = NEW.payment) IS NOT {_RESERVATION.format('user')}",
                "INSERT",
            ),
        ),
    ),
    Rule("gift-balance", "A gift card cannot pay more than its balance.", (Guard("payments", "balance < 0"),)),
)
