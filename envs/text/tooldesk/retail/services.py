"""How an expert serves the customers of the shop, from what it reads alone."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass

from agentrl.envs.text.tooldesk.desk import Refused, Service, Steps, call, need, refuse_unless
from agentrl.envs.text.tooldesk.retail.goals import REASONS

_ORDER = re.compile(r"order (\d+) (\w+)(?: (\d+) days ago)?, payment (\d+), to .*?: (.*)")
_LINE = re.compile(r"item (\d+) (\w+) (\w+) for (\d+)")
_VARIANT = re.compile(r"item (\d+) (\w+) for \d+, (\d+) in stock")
_GIFT = re.compile(r"gift (\d+) with (\d+)")


@dataclass(frozen=True, slots=True)
class _Order:
    """What `get_order` says."""

    id: str
    status: str
    days: int
    payment: str
    items: dict[str, str]
    """Product → item."""
    total: int


def _read(text: str) -> _Order:
    match = _ORDER.match(text)
    if match is None:
        raise Refused("unknown")
    lines = _LINE.findall(match[5])
    items = {product: item for item, _, product, _ in lines}
    return _Order(match[1], match[2], int(match[3] or 0), match[4], items, sum(int(price) for *_, price in lines))


def _find(user: str, slots: Mapping[str, str]) -> Generator[str, str, _Order]:
    """Look up the order that the wish names, or search all for its item."""
    if "order" in slots:
        return _read((yield from call("get_order", order=slots["order"])))
    listed = re.search(r"orders ([\d ]+)", user)
    for number in listed[1].split() if listed else ():
        order = _read((yield from call("get_order", order=number)))
        if slots.get("item") in order.items:
            return order
    raise Refused("unknown")


def _check_return(user: str, order: _Order) -> None:
    refuse_unless(order.status == "delivered", "return-delivered")
    refuse_unless(order.days <= (60 if user.startswith("gold") else 30), "return-window")


def cancel(user: str, slots: dict[str, str]) -> Steps:
    """Cancel an order."""
    order = yield from _find(user, slots)
    refuse_unless(order.status == "pending", "cancel-pending")
    reason = REASONS.get((yield from need(slots, "reason")), "")
    refuse_unless(reason in ("mistake", "unneeded"), "cancel-reason")
    yield from call("cancel_order", order=order.id, reason=reason)
    return f"Order {order.id} is cancelled"


def address(user: str, slots: dict[str, str]) -> Steps:
    """Ship an order elsewhere."""
    order = yield from _find(user, slots)
    refuse_unless(order.status == "pending", "change-pending")
    to = yield from need(slots, "address")
    yield from call("change_address", order=order.id, address=to)
    return f"Order {order.id} goes to {to}"


def change(user: str, slots: dict[str, str]) -> Steps:
    """Another variant before shipping."""
    order = yield from _find(user, slots)
    refuse_unless(order.status == "pending", "change-pending")
    return (yield from _another_variant("change_item", order, slots))


def exchange(user: str, slots: dict[str, str]) -> Steps:
    """Another variant after delivery."""
    order = yield from _find(user, slots)
    _check_return(user, order)
    return (yield from _another_variant("exchange_item", order, slots))


def return_(user: str, slots: dict[str, str]) -> Steps:
    """Money back."""
    order = yield from _find(user, slots)
    _check_return(user, order)
    payment = yield from need(slots, "payment")
    refuse_unless(payment == order.payment or f"gift {payment} " in user, "refund-method")
    item = order.items[slots["item"]]
    yield from call("return_item", order=order.id, item=item, payment=payment)
    return f"Item {item} is returned"


def payment(user: str, slots: dict[str, str]) -> Steps:
    """Pay by other means."""
    order = yield from _find(user, slots)
    refuse_unless(order.status == "pending", "change-pending")
    method = yield from need(slots, "payment")
    balance = dict(_GIFT.findall(user)).get(method)
    refuse_unless(balance is None or int(balance) >= order.total, "gift-balance")
    yield from call("change_payment", order=order.id, payment=method)
    return f"Order {order.id} is paid by {method}"


def home(user: str, slots: dict[str, str]) -> Steps:
    """A new address of the user."""
    yield from call("change_home", address=slots["address"])
    return f"Your home is {slots['address']}"


def _another_variant(tool: str, order: _Order, slots: dict[str, str]) -> Steps:
    variant = yield from need(slots, "variant")
    found = {
        name: (item, int(stock))
        for item, name, stock in _VARIANT.findall((yield from call("get_product", product=slots["item"])))
    }
    new, stock = found.get(variant, ("", 0))
    refuse_unless(stock > 0, "in-stock")
    item = order.items[slots["item"]]
    yield from call(tool, order=order.id, item=item, new_item=new)
    return f"Item {item} becomes {new}"


SERVICES: dict[str, Service] = {
    "cancel": cancel,
    "address": address,
    "change": change,
    "exchange": exchange,
    "return": return_,
    "payment": payment,
    "home": home,
}
