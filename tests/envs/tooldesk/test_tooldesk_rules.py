"""Every rule is enforced by the database itself, and told to the agent; a refused call changes nothing."""

from __future__ import annotations

import sqlite3

import pytest

from agentrl.envs.text.tooldesk.calls import Call, parse
from agentrl.envs.text.tooldesk.conversation import perform
from agentrl.envs.text.tooldesk.rules import Guard, Rule, broken_rule, tables_script, triggers_script
from agentrl.envs.text.tooldesk.tasks import DOMAINS
from agentrl.envs.text.tooldesk.tools import ToolError

SHOP_VIOLATIONS = [
    ("identify", "UPDATE orders SET address = 'x' WHERE id = 33"),
    ("identify", "UPDATE users SET address = 'x' WHERE id = 8"),
    ("identify", "UPDATE lines SET state = 'returned' WHERE order_id = 33"),
    ("identify", "INSERT INTO charges VALUES (33, 10, 5)"),
    ("cancel-pending", "UPDATE orders SET status = 'cancelled', reason = 'mistake' WHERE id = 31"),
    ("identify", "UPDATE orders SET status = 'cancelled' WHERE id = 33"),  # violates cancel-pending, too
    ("cancel-reason", "UPDATE orders SET status = 'cancelled', reason = 'cheaper' WHERE id = 30"),
    ("change-pending", "UPDATE orders SET address = 'x' WHERE id = 35"),
    ("change-pending", "UPDATE orders SET payment = 11 WHERE id = 35"),
    ("change-pending", "UPDATE lines SET item = 21 WHERE order_id = 31"),
    ("return-delivered", "UPDATE lines SET state = 'returned' WHERE order_id = 30 AND item = 20"),
    ("return-delivered", "UPDATE lines SET state = 'exchanged' WHERE order_id = 35"),
    ("return-window", "UPDATE lines SET state = 'returned' WHERE order_id = 32"),
    ("refund-method", "INSERT INTO charges VALUES (31, 11, -30)"),
    ("own-payment", "INSERT INTO charges VALUES (31, 13, 5)"),
    ("same-product", "UPDATE lines SET item = 20 WHERE order_id = 34"),
    ("same-product", "UPDATE lines SET state = 'exchanged', swapped_for = 23 WHERE order_id = 31"),
    ("in-stock", "UPDATE items SET stock = stock - 1 WHERE id = 22"),
    ("gift-balance", "UPDATE payments SET balance = balance - 21 WHERE id = 12"),
]
AIRLINE_VIOLATIONS = [
    ("identify", "UPDATE reservations SET bags = 1 WHERE id = 33"),
    ("identify", "INSERT INTO reservations VALUES (40, 8, 20, 'basic', 0, 0, 0, 0, 'active', 13)"),
    ("identify", "INSERT INTO charges VALUES (33, 13, 5)"),
    ("active", "UPDATE reservations SET status = 'cancelled' WHERE id = 32"),
    ("cancel-fare", "UPDATE reservations SET status = 'cancelled' WHERE id = 30"),
    ("basic-fixed", "UPDATE reservations SET flight = 21 WHERE id = 31"),
    ("same-route", "UPDATE reservations SET flight = 23 WHERE id = 30"),
    ("seats", "UPDATE flights SET seats = seats - 1 WHERE id = 22"),
    ("cabin-up", "UPDATE reservations SET cabin = 'basic' WHERE id = 30"),
    ("bags-stay", "UPDATE reservations SET bags = 1 WHERE id = 30"),
    ("bags-most", "UPDATE reservations SET bags = 7, paid_bags = 5 WHERE id = 30"),
    ("bags-paid", "UPDATE reservations SET bags = 3, paid_bags = 0 WHERE id = 30"),
    ("bags-paid", "INSERT INTO reservations VALUES (40, 7, 20, 'basic', 1, 1, 0, 0, 'active', 10)"),
    ("own-payment", "INSERT INTO charges VALUES (30, 13, 5)"),
    ("gift-balance", "UPDATE payments SET balance = balance - 61 WHERE id = 12"),
]


@pytest.mark.parametrize(("rule", "statement"), SHOP_VIOLATIONS)
def test_the_shops_database_refuses(shop: sqlite3.Connection, rule: str, statement: str) -> None:
    _refused(shop, rule, statement, "retail")


@pytest.mark.parametrize(("rule", "statement"), AIRLINE_VIOLATIONS)
def test_the_airlines_database_refuses(airline: sqlite3.Connection, rule: str, statement: str) -> None:
    _refused(airline, rule, statement, "airline")


def _refused(db: sqlite3.Connection, rule: str, statement: str, domain: str) -> None:
    db.execute("INSERT INTO session VALUES (7)")
    with pytest.raises(sqlite3.IntegrityError) as caught:
        db.execute(statement)
    found = broken_rule(str(caught.value), DOMAINS[domain].rules)
    assert found is not None
    assert found.id == rule


def test_every_rule_is_violated_above_and_told_to_the_agent() -> None:
    for domain, violations in (("retail", SHOP_VIOLATIONS), ("airline", AIRLINE_VIOLATIONS)):
        rules = DOMAINS[domain].rules
        assert {rule for rule, _ in violations} == {rule.id for rule in rules}
        for form in ("text", "json"):
            assert all(f"- {rule.id}: {rule.text}" in DOMAINS[domain].manuals[form] for rule in rules)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orders SET status = 'cancelled', reason = 'mistake' WHERE id = 30",
        "UPDATE lines SET state = 'returned' WHERE order_id = 31",
        "UPDATE lines SET item = 21 WHERE order_id = 30 AND item = 20",
        "INSERT INTO charges VALUES (31, 12, -30)",
        "UPDATE payments SET balance = balance - 20 WHERE id = 12",
    ],
)
def test_what_the_rules_allow_is_done(shop: sqlite3.Connection, statement: str) -> None:
    shop.execute("INSERT INTO session VALUES (7)")
    assert shop.execute(statement).rowcount == 1


def test_gold_users_have_more_time(shop: sqlite3.Connection) -> None:
    shop.execute("INSERT INTO session VALUES (8)")
    assert shop.execute("UPDATE lines SET state = 'returned' WHERE order_id = 33").rowcount == 1


@pytest.mark.parametrize(
    ("action", "rule"),
    [
        ("exchange_item order 31 item 20 new_item 22", "in-stock"),  # found last, after the line was changed
        ("change_item order 34 item 23 new_item 20", "same-product"),
        ("change_payment order 30 payment 12", "gift-balance"),  # after the first method was refunded
        ("return_item order 31 item 20 payment 11", "refund-method"),
        ("change_payment order 30 payment 99", "own-payment"),
        ("cancel_order order 30 reason cheaper", "cancel-reason"),
    ],
)
def test_a_refused_call_changes_nothing(shop: sqlite3.Connection, action: str, rule: str) -> None:
    retail = DOMAINS["retail"]
    perform(retail, shop, Call("find_user", {"name": "mia berg", "pin": 47}))
    before = shop.serialize()
    call = parse(action)
    assert isinstance(call, Call)
    with pytest.raises(ToolError) as caught:
        perform(retail, shop, call)
    assert (caught.value.code, caught.value.where) == ("policy", rule)
    assert str(caught.value).startswith(f"error policy {rule}: ")
    assert shop.serialize() == before


def test_a_constraint_that_is_no_rule_is_reported_as_such(shop: sqlite3.Connection) -> None:
    shop.execute("INSERT INTO lines VALUES (30, 21, 'kept', NULL)")
    retail = DOMAINS["retail"]
    perform(retail, shop, Call("find_user", {"name": "mia berg", "pin": 47}))
    with pytest.raises(ToolError, match="UNIQUE") as caught:
        perform(retail, shop, Call("change_item", {"order": 30, "item": 20, "new_item": 21}))
    assert caught.value.where == "constraint"


def test_a_rule_with_two_guards_compiles_to_a_constraint_and_a_trigger() -> None:
    rule = Rule("small", "Numbers stay small.", (Guard("t", "n > 9"), Guard("t", "NEW.n > OLD.n + 1", "UPDATE")))
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(tables_script({"t": "n INTEGER"}, [rule]) + triggers_script([rule]))
    db.execute("INSERT INTO t VALUES (5)")
    for statement in ("INSERT INTO t VALUES (10)", "UPDATE t SET n = 7"):
        with pytest.raises(sqlite3.IntegrityError) as caught:
            db.execute(statement)
        assert broken_rule(str(caught.value), [rule]) is rule
    db.execute("UPDATE t SET n = 6")
    assert broken_rule("UNIQUE constraint failed: t.n", [rule]) is None
