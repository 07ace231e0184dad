"""Tables and rules of the shop. Amounts are in dollars, `days` counts from delivery."""

from __future__ import annotations

from agentrl.envs.text.tooldesk.database import Comparison
from agentrl.envs.text.tooldesk.rules import Guard, Rule

TABLES = {
    "session": "user INTEGER",
    "users": "id INTEGER PRIMARY KEY, name TEXT, pin INTEGER, tier TEXT, address TEXT",
    "payments": "id INTEGER PRIMARY KEY, user INTEGER, kind TEXT, balance INTEGER",
    "items": "id INTEGER PRIMARY KEY, product TEXT, variant TEXT, price INTEGER, stock INTEGER",
    "orders": (
        "id INTEGER PRIMARY KEY, user INTEGER, status TEXT, days INTEGER, payment INTEGER, address TEXT, "
        "reason TEXT DEFAULT ''"
    ),
    "lines": (
        "order_id INTEGER, item INTEGER, state TEXT DEFAULT 'kept', swapped_for INTEGER, PRIMARY KEY (order_id, item)"
    ),
    "charges": "order_id INTEGER, payment INTEGER, amount INTEGER, PRIMARY KEY (order_id, payment)",
}
"""`session` holds the user who was identified; `charges` what each payment method has paid for each order, net."""

COMPARISON = Comparison(
    {
        "users": (1, "SELECT id, tier, address FROM users"),
        "payments": (1, "SELECT id, balance FROM payments"),
        "items": (1, "SELECT id, stock FROM items"),
        "orders": (1, "SELECT id, status, payment, address, reason FROM orders"),
        "lines": (2, "SELECT order_id, item, state, swapped_for FROM lines"),
        "charges": (2, "SELECT order_id, payment, amount FROM charges WHERE amount <> 0"),
    }
)

_ORDER = "(SELECT {} FROM orders WHERE id = NEW.order_id)"
_IDENTIFIED = "(SELECT user FROM session)"
_PRODUCT = "(SELECT product FROM items WHERE id = {})"

RULES = (
    Rule(
        "identify",
        "First find the user by name and pin; serve only their own orders.",
        (
            Guard("users", f"NEW.id IS NOT {_IDENTIFIED}", "UPDATE"),
            Guard("orders", f"NEW.user IS NOT {_IDENTIFIED}", "UPDATE"),
            Guard("lines", f"{_ORDER.format('user')} IS NOT {_IDENTIFIED}", "UPDATE"),
            Guard("charges", f"{_ORDER.format('user')} IS NOT {_IDENTIFIED}", "INSERT"),
        ),
    ),
    Rule(
        "cancel-pending",
        "Only pending orders can be cancelled.",
        (Guard("orders", "NEW.status = 'cancelled' AND OLD.status <> 'pending'", "UPDATE"),),
    ),
    Rule(
        "cancel-reason",
        "Orders are cancelled for one of two reasons: mistake or unneeded.",
        (Guard("orders", "status = 'cancelled' AND reason NOT IN ('mistake', 'unneeded')"),),
    ),
    Rule(
        "change-pending",
        "Items, address and payment can be changed only in pending orders.",
        (
            Guard(
                "orders",
                "OLD.status <> 'pending' AND (NEW.address <> OLD.address OR NEW.payment <> OLD.payment)",
                "UPDATE",
            ),
            Guard("lines", f"{_ORDER.format('status')} <> 'pending' AND NEW.item <> OLD.item", "UPDATE"),
        ),
    ),
    Rule(
        "return-delivered",
        "Only items of delivered orders can be returned or exchanged, and only once.",
        (
            Guard(
                "lines",
                f"NEW.state <> 'kept' AND ({_ORDER.format('status')} <> 'delivered' OR OLD.state <> 'kept')",
                "UPDATE",
            ),
        ),
    ),
    Rule(
        "return-window",
        "Returns and exchanges end 30 days after delivery, for gold users 60.",
        (
            Guard(
                "lines",
                f"NEW.state <> 'kept' AND {_ORDER.format('days')} > "
                f"(SELECT CASE tier WHEN 'gold' THEN 60 ELSE 30 END FROM users WHERE id = {_ORDER.format('user')})",
                "UPDATE",
            ),
        ),
    ),
    Rule(
        "refund-method",
        "Refunds go to the payment method of the order or to a gift card of the user.",
        (
            Guard(
                "charges",
                f"NEW.amount < 0 AND NEW.payment <> {_ORDER.format('payment')} "
                "AND (SELECT kind FROM payments WHERE id = NEW.payment) IS NOT 'gift'",
                "INSERT",
            ),
        ),
    ),
    Rule(
        "own-payment",
        "Payment methods must belong to the user.",
        (
            Guard(
                "charges",
                f"(SELECT user FROM payments WHERE id = NEW.payment) IS NOT {_ORDER.format('user')}",
                "INSERT",
            ),
        ),
    ),
    Rule(
        "same-product",
        "An item can be changed or exchanged only for another variant of the same product.",
        (
            Guard("lines", f"{_PRODUCT.format('NEW.item')} <> {_PRODUCT.format('OLD.item')}", "UPDATE"),
            Guard(
                "lines",
                f"{_PRODUCT.format('NEW.swapped_for')} <> {_PRODUCT.format('NEW.item')}",
                "UPDATE",
            ),
        ),
    ),
    Rule("in-stock", "The new item must be in stock.", (Guard("items", "stock < 0"),)),
    Rule("gift-balance", "A gift card cannot pay more than its balance.", (Guard("payments", "balance < 0"),)),
)
