"""Tools of the shop. What they may do is not their business: the database refuses what a rule forbids."""

from __future__ import annotations

from typing import Any

from agentrl.envs.text.tooldesk.tools import Database, Id, Text, Toolbox, one, tool, transfer

_MINE = "user = (SELECT user FROM session)"


def _order(db: Database, order: int, columns: str = "payment") -> tuple[Any, ...]:
    query = f"SELECT {columns} FROM orders WHERE id = ? AND {_MINE}"
    return one(db, query, order, missing=f"the user has no order {order}")


def _item(db: Database, item: int, columns: str = "price") -> tuple[Any, ...]:
    return one(db, f"SELECT {columns} FROM items WHERE id = ?", item, missing=f"no item {item}")


def _line(db: Database, order: int, item: int) -> None:
    query = "SELECT 1 FROM lines WHERE order_id = ? AND item = ?"
    one(db, query, order, item, missing=f"order {order} has no item {item}")


def _charge(db: Database, order: int, payment: int, amount: int) -> None:
    """Take an amount for an order from a payment method; a negative one is a refund."""
    db.execute(
        "INSERT INTO charges VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
        (order, payment, amount),
    )
    db.execute("UPDATE payments SET balance = balance - ? WHERE id = ? AND kind = 'gift'", (amount, payment))


@tool()
def find_user(db: Database, name: Text, pin: Id) -> str:
    """Identify a user."""
    query = "SELECT id, tier, address FROM users WHERE name = ? AND pin = ?"
    user, tier, address = one(db, query, name.lower(), pin, missing="no user with this name and pin")
    db.execute("DELETE FROM session")
    db.execute("INSERT INTO session VALUES (?)", (user,))
    orders = [str(row[0]) for row in db.execute("SELECT id FROM orders WHERE user = ? ORDER BY id", (user,))]
    payments = [
        f"{kind} {id_} with {balance}" if kind == "gift" else f"{kind} {id_}"
        for id_, kind, balance in db.execute(
            "SELECT id, kind, balance FROM payments WHERE user = ? ORDER BY id", (user,)
        )
    ]
    return f"{tier} user of {address}; orders {' '.join(orders)}; payments {', '.join(payments)}"


@tool()
def get_order(db: Database, order: Id) -> str:
    """Status, payment, address and items of an order."""
    status, days, payment, address = _order(db, order, "status, days, payment, address")
    lines = db.execute(
        "SELECT item, product, variant, price, state FROM lines JOIN items ON item = id "
        "WHERE order_id = ? ORDER BY item",
        (order,),
    )
    items = [
        f"item {item} {variant} {product} for {price}" + (f" {state}" if state != "kept" else "")
        for item, product, variant, price, state in lines
    ]
    since = f" {days} days ago" if status == "delivered" else ""
    return f"order {order} {status}{since}, payment {payment}, to {address}: {'; '.join(items)}"


@tool()
def get_product(db: Database, product: Text) -> str:
    """All variants of a product."""
    query = "SELECT id, variant, price, stock FROM items WHERE product = ? ORDER BY id"
    rows = db.execute(query, (product.lower(),)).fetchall()
    if not rows:
        products = [row[0] for row in db.execute("SELECT DISTINCT product FROM items ORDER BY product")]
        return f"no such product; there are {' '.join(products)}"
    return "; ".join(f"item {item} {variant} for {price}, {stock} in stock" for item, variant, price, stock in rows)


@tool(writes=True)
def cancel_order(db: Database, order: Id, reason: Text) -> str:
    """Cancel an order and refund it."""
    _order(db, order)
    db.execute("UPDATE orders SET status = 'cancelled', reason = ? WHERE id = ?", (reason, order))
    for payment, amount in db.execute("SELECT payment, amount FROM charges WHERE order_id = ?", (order,)).fetchall():
        _charge(db, order, payment, -amount)
    return "cancelled"


@tool(writes=True)
def change_item(db: Database, order: Id, item: Id, new_item: Id) -> str:
    """Replace an item of an order that is not shipped."""
    (payment,) = _order(db, order)
    _line(db, order, item)
    (price,), (new_price,) = _item(db, item), _item(db, new_item)
    db.execute("UPDATE lines SET item = ? WHERE order_id = ? AND item = ?", (new_item, order, item))
    return _swap(db, order, payment, (item, new_item), (price, new_price), "changed")


@tool(writes=True)
def exchange_item(db: Database, order: Id, item: Id, new_item: Id) -> str:
    """Exchange a delivered item."""
    (payment,) = _order(db, order)
    _line(db, order, item)
    (price,), (new_price,) = _item(db, item), _item(db, new_item)
    db.execute(
        "UPDATE lines SET state = 'exchanged', swapped_for = ? WHERE order_id = ? AND item = ?", (new_item, order, item)
    )
    return _swap(db, order, payment, (item, new_item), (price, new_price), "exchanged")


@tool(writes=True)
def return_item(db: Database, order: Id, item: Id, payment: Id) -> str:
    """Take back a delivered item and refund it to a payment method."""
    _order(db, order)
    _line(db, order, item)
    (price,) = _item(db, item)
    db.execute("UPDATE lines SET state = 'returned' WHERE order_id = ? AND item = ?", (order, item))
    db.execute("UPDATE items SET stock = stock + 1 WHERE id = ?", (item,))
    _charge(db, order, payment, -price)
    return f"refunded {price}"


@tool(writes=True)
def change_address(db: Database, order: Id, address: Text) -> str:
    """Ship an order elsewhere."""
    _order(db, order)
    db.execute("UPDATE orders SET address = ? WHERE id = ?", (address.lower(), order))
    return "changed"


@tool(writes=True)
def change_payment(db: Database, order: Id, payment: Id) -> str:
    """Pay an order by another method."""
    _order(db, order)
    paid = db.execute("SELECT payment, amount FROM charges WHERE order_id = ?", (order,)).fetchall()
    for method, amount in paid:
        _charge(db, order, method, -amount)
    _charge(db, order, payment, sum(amount for _, amount in paid))
    db.execute("UPDATE orders SET payment = ? WHERE id = ?", (payment, order))
    return "changed"


@tool(writes=True)
def change_home(db: Database, address: Text) -> str:
    """Change the user's own address."""
    (user,) = one(db, "SELECT user FROM session", missing="no user is identified")
    db.execute("UPDATE users SET address = ? WHERE id = ?", (address.lower(), user))
    return "changed"


def _swap(db: Database, order: int, payment: int, items: tuple[int, int], prices: tuple[int, int], done: str) -> str:
    """Move stock and money from one item to another."""
    old, new = items
    db.execute("UPDATE items SET stock = stock + 1 WHERE id = ?", (old,))
    db.execute("UPDATE items SET stock = stock - 1 WHERE id = ?", (new,))
    more = prices[1] - prices[0]
    if more:
        _charge(db, order, payment, more)
    return f"{done}, {more} charged" if more >= 0 else f"{done}, {-more} refunded"


TOOLS = Toolbox(
    (
        find_user,
        get_order,
        get_product,
        cancel_order,
        change_item,
        exchange_item,
        return_item,
        change_address,
        change_payment,
        change_home,
        transfer,
    )
)
