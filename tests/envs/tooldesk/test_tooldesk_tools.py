"""What tools do to the databases, in amounts worked out by hand, and what they answer."""

from __future__ import annotations

import sqlite3

import pytest

from agentrl.envs.text.tooldesk.calls import Call, parse
from agentrl.envs.text.tooldesk.conversation import perform
from agentrl.envs.text.tooldesk.tasks import DOMAINS
from agentrl.envs.text.tooldesk.tools import ToolError

IDENTIFY = 'find_user name "mia berg" pin 47'


def run(db: sqlite3.Connection, domain: str, *actions: str) -> list[str]:
    calls = [parse(action) for action in actions]
    return [perform(DOMAINS[domain], db, call) for call in calls if isinstance(call, Call)]


def values(db: sqlite3.Connection, query: str) -> list[tuple[object, ...]]:
    return db.execute(query).fetchall()


def test_lookups(shop: sqlite3.Connection, airline: sqlite3.Connection) -> None:
    assert run(
        shop, "retail", IDENTIFY, "get_order order 31", "get_product product lamp", "get_product product rug"
    ) == [
        "regular user of oak street 1; orders 30 31 32 34 35; payments card 10, card 11, gift 12 with 20",
        "order 31 delivered 10 days ago, payment 10, to oak street 1: item 20 red lamp for 30",
        "item 20 red for 30, 5 in stock; item 21 blue for 34, 5 in stock; item 22 black for 30, 0 in stock; "
        "item 24 white for 90, 5 in stock",
        "no such product; there are lamp mug",
    ]
    assert run(
        airline,
        "airline",
        IDENTIFY,
        "get_reservation reservation 31",
        "search_flights origin oslo destination rome day 28",
    ) == [
        "silver user; reservations 30 31 32; payments card 10, gift 12 with 60",
        "reservation 31 active: flight 20 oslo to rome on day 25, basic, 1 bags, insured, booked 90 hours ago, "
        "payment 10",
        "flight 22, 0 seats, basic 50, economy 75, business 150",
    ]


def test_cancelling_refunds_what_was_paid(shop: sqlite3.Connection) -> None:
    run(shop, "retail", IDENTIFY, "cancel_order order 34 reason mistake")
    assert values(shop, "SELECT status, reason FROM orders WHERE id = 34") == [("cancelled", "mistake")]
    assert values(shop, "SELECT amount FROM charges WHERE order_id = 34") == [(0,)]
    assert values(shop, "SELECT balance FROM payments WHERE id = 12") == [(28,)]  # 20 + 8


def test_another_variant_moves_stock_and_money(shop: sqlite3.Connection) -> None:
    said = run(shop, "retail", IDENTIFY, "change_item order 30 item 20 new_item 21")[1]
    assert said == "changed, 4 charged"  # 34 - 30
    assert values(shop, "SELECT amount FROM charges WHERE order_id = 30") == [(42,)]  # 38 + 4
    assert values(shop, "SELECT id, stock FROM items WHERE id < 22") == [(20, 6), (21, 4)]
    said = run(shop, "retail", "exchange_item order 31 item 20 new_item 24")[0]
    assert said == "exchanged, 60 charged"
    assert values(shop, "SELECT item, state, swapped_for FROM lines WHERE order_id = 31") == [(20, "exchanged", 24)]


def test_a_return_may_go_to_a_gift_card(shop: sqlite3.Connection) -> None:
    assert run(shop, "retail", IDENTIFY, "return_item order 31 item 20 payment 12")[1] == "refunded 30"
    assert values(shop, "SELECT payment, amount FROM charges WHERE order_id = 31") == [(10, 30), (12, -30)]
    assert values(shop, "SELECT balance FROM payments WHERE id = 12") == [(50,)]


def test_paying_by_other_means_moves_the_whole_amount(shop: sqlite3.Connection) -> None:
    run(shop, "retail", IDENTIFY, "change_payment order 30 payment 11")
    assert values(shop, "SELECT payment, amount FROM charges WHERE order_id = 30 ORDER BY 1") == [(10, 0), (11, 38)]
    assert values(shop, "SELECT payment FROM orders WHERE id = 30") == [(11,)]


def test_there_and_back_is_as_if_nothing_had_been(shop: sqlite3.Connection) -> None:
    contents = DOMAINS["retail"].comparison.contents
    before = contents(shop)
    run(shop, "retail", IDENTIFY, "change_payment order 30 payment 11", "change_item order 30 item 20 new_item 21")
    assert contents(shop) != before
    run(shop, "retail", "change_item order 30 item 21 new_item 20", "change_payment order 30 payment 10")
    assert contents(shop) == before


def test_upgrade_bags_and_move_are_charged(airline: sqlite3.Connection) -> None:
    said = run(
        airline,
        "airline",
        IDENTIFY,
        "change_cabin reservation 31 cabin economy",
        "set_bags reservation 31 bags 4 paid_bags 2",
        "change_flight reservation 31 flight 21",
    )[1:]
    assert said == ["changed, 25 charged", "set, 50 charged", "changed, 10 charged"]  # 65-40; 4-(1+1) at 25; 75-65
    assert values(airline, "SELECT amount FROM charges WHERE reservation = 31") == [(125,)]  # 40 + 25 + 50 + 10
    assert values(airline, "SELECT seats FROM flights WHERE id IN (20, 21)") == [(4,), (2,)]


def test_booking_and_cancelling(airline: sqlite3.Connection) -> None:
    said = run(airline, "airline", IDENTIFY, "book flight 20 cabin basic bags 1 paid_bags 0 payment 12")[1]
    assert said == "reservation 34, 40 charged"
    assert values(airline, "SELECT balance FROM payments WHERE id = 12") == [(20,)]
    run(airline, "airline", "cancel_reservation reservation 34")  # booked within 24 hours
    assert values(airline, "SELECT balance FROM payments WHERE id = 12") == [(60,)]
    assert values(airline, "SELECT seats FROM flights WHERE id = 20") == [(3,)]


@pytest.mark.parametrize(
    ("action", "code", "where"),
    [
        ("get_ordr order 30", "unknown_tool", "get_ordr"),
        ("get_order order abc", "schema", "order"),
        ("get_order order -1", "schema", "order"),
        ("get_order", "schema", "order"),
        ("get_order order 30 colour red", "schema", "colour"),
        ('get_order({"order": [30]})', "schema", "order"),
        ("get_order order 33", "not_found", ""),  # somebody else's
        ("return_item order 31 item 23 payment 10", "not_found", ""),
        ('find_user name "mia berg" pin 48', "not_found", ""),
    ],
)
def test_errors_say_where(shop: sqlite3.Connection, action: str, code: str, where: str) -> None:
    run(shop, "retail", IDENTIFY)
    with pytest.raises(ToolError) as caught:
        run(shop, "retail", action)
    assert (caught.value.code, caught.value.where) == (code, where)


def test_nothing_can_be_read_or_done_before_the_user_is_found(shop: sqlite3.Connection) -> None:
    for action in ("get_order order 30", 'change_home address "elm street 9"', "cancel_order order 30 reason mistake"):
        with pytest.raises(ToolError, match="not_found"):
            run(shop, "retail", action)


def test_schemas_are_json_schemas() -> None:
    assert DOMAINS["airline"].tools["change_cabin"].schema == {
        "name": "change_cabin",
        "description": "Upgrade a reservation, for the difference in price.",
        "parameters": {
            "type": "object",
            "properties": {
                "reservation": {"type": "integer", "minimum": 0, "exclusiveMaximum": 10**6},
                "cabin": {"type": "string", "enum": ["basic", "economy", "business"]},
            },
            "required": ["reservation", "cabin"],
            "additionalProperties": False,
        },
    }
    assert all(8 <= len(domain.tools) <= 12 for domain in DOMAINS.values())
