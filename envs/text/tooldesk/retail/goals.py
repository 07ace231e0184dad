"""Customers of the shop and what they want. Every goal adds the order that it is about."""

from __future__ import annotations

from typing import Any

from agentrl.envs.text.tooldesk.calls import Call
from agentrl.envs.text.tooldesk.wishes import Wish, make_wish
from agentrl.envs.text.tooldesk.world import World

PRODUCTS = ("lamp", "mug", "chair", "rug", "clock", "vase", "shirt", "tent", "desk", "bowl")
VARIANTS = ("red", "blue", "green", "black", "white")
REASONS = {
    "I ordered it by mistake": "mistake",
    "I do not need it any more": "unneeded",
    "It is cheaper elsewhere": "cheaper",
}
"""What users say → the reason of `cancel_order`. The last is none that the rules know."""

PHRASES = {
    "cancel": (
        "Please cancel order {order}. {reason}.",
        "I want to call off order {order}.",
        "I would like to cancel my order with the {item}.",
        "Can you cancel the order of the {item}? {reason}.",
    ),
    "address": (
        "Please send order {order} to {address}.",
        "Order {order} must go to another address.",
        "Can you ship my order with the {item} to {address}?",
    ),
    "change": (
        "In order {order} I would rather have the {item} in {variant}.",
        "Before it ships, please change the {item} in order {order}.",
        "I ordered a {item}. Can I still get the {variant} one instead?",
    ),
    "exchange": (
        "I want to exchange the {item} of order {order} for the {variant} one.",
        "The {item} of order {order} arrived. I want to swap it for another colour.",
        "My {item} has arrived, but I prefer it in {variant}.",
    ),
    "return": (
        "I want to return the {item} of order {order}. Refund it to payment {payment}.",
        "Please take back the {item} from order {order}.",
        "I do not like my {item}. I send it back and want the money on payment {payment}.",
    ),
    "payment": (
        "Let me pay order {order} with payment {payment}.",
        "Please charge order {order} to another payment method.",
        "I want to pay for the {item} with payment {payment}.",
    ),
    "home": ("I have moved. My home is now at {address}.", "Please update my home address: {address}."),
}


def populate(world: World) -> int:
    """Products, three other customers, and the one who calls, with a card, a second card and a gift card."""
    rng = world.rng
    for product in PRODUCTS:
        price = rng.randrange(8, 50)
        for variant in rng.sample(VARIANTS, 3):
            world.add("items", world.id(), product, variant, price + rng.randrange(-3, 4), rng.randrange(1, 9))
    for _ in range(3):
        other = _customer(world)
        _order(world, other, rng.choice(("pending", "shipped", "delivered")), rng.choice(PRODUCTS))
    user = _customer(world)
    for _ in range(rng.randrange(3)):
        status = rng.choice(("pending", "shipped", "delivered"))
        _order(world, user, status, world.fresh(PRODUCTS), extra=rng.random() < 0.5)
    return user


def cancel(world: World, user: int, trap: bool) -> list[Wish]:
    """Cancel a pending order. Traps: it is on its way; the reason is none."""
    rng, rule, status = world.rng, "", "pending"
    reason = rng.choice([words for words, code in REASONS.items() if code != "cheaper"])
    if trap and rng.random() < 0.5:
        rule, reason = "cancel-reason", "It is cheaper elsewhere"
    elif trap:
        rule, status = "cancel-pending", rng.choice(("shipped", "delivered"))
    order, item = _order(world, user, status, world.fresh(PRODUCTS))
    call = Call("cancel_order", {"order": order, "reason": REASONS[reason]})
    fields = {"order": order, "item": item[1], "reason": reason}
    needs = () if rule == "cancel-pending" else ("reason",)
    return [_wish(world, "cancel", fields, order, [call], f"Order {order} is cancelled", needs, rule)]


def address(world: World, user: int, trap: bool) -> list[Wish]:
    """Ship a pending order elsewhere, and sometimes elsewhere again. Trap: it is on its way."""
    status = world.rng.choice(("shipped", "delivered")) if trap else "pending"
    order, item = _order(world, user, status, world.fresh(PRODUCTS))
    wishes = []
    for prefix in ("", "I changed my mind. ") if world.rng.random() < 0.3 and not trap else ("",):
        to = world.address()
        call = Call("change_address", {"order": order, "address": to})
        fields = {"order": order, "item": item[1], "address": to}
        needs, rule = ((), "change-pending") if trap else (("address",), "")
        reply = f"Order {order} goes to {to}"
        wishes.append(_wish(world, "address", fields, order, [call], reply, needs, rule, prefix=prefix))
    return wishes


def change(world: World, user: int, trap: bool) -> list[Wish]:
    """Another variant of an item that is not shipped. Traps: it is; the variant is sold out."""
    rules = (("change-pending", "shipped"), ("in-stock", "pending"))
    rule, status = world.rng.choice(rules) if trap else ("", "pending")
    return _another_variant(world, user, "change", status, rule)


def exchange(world: World, user: int, trap: bool) -> list[Wish]:
    """Another variant of an item that was delivered. Traps: it was long ago, or never; the variant is sold out."""
    rules = (("return-window", "delivered"), ("in-stock", "delivered"), ("return-delivered", "shipped"))
    rule, status = world.rng.choice(rules) if trap else ("", "delivered")
    return _another_variant(world, user, "exchange", status, rule)


def return_(world: World, user: int, trap: bool) -> list[Wish]:
    """Money back for a delivered item. Traps: it was long ago; to another card than the one that paid."""
    rule = world.rng.choice(("return-window", "refund-method")) if trap else ""
    order, item = _order(world, user, "delivered", world.fresh(PRODUCTS), late=rule == "return-window")
    first, second, gift = _payments(world, user)
    payment = second if rule == "refund-method" else world.rng.choice((first, gift))
    call = Call("return_item", {"order": order, "item": item[0], "payment": payment})
    fields = {"order": order, "item": item[1], "payment": payment}
    needs = () if rule == "return-window" else ("payment",)
    return [_wish(world, "return", fields, order, [call], f"Item {item[0]} is returned", needs, rule)]


def payment(world: World, user: int, trap: bool) -> list[Wish]:
    """Pay a pending order by other means. Traps: the gift card has not enough; the order is on its way."""
    rule = world.rng.choice(("gift-balance", "change-pending")) if trap else ""
    order, item = _order(world, user, "shipped" if rule == "change-pending" else "pending", world.fresh(PRODUCTS))
    _, second, gift = _payments(world, user)
    method = gift if rule == "gift-balance" else second
    if rule == "gift-balance":  # not even for one item
        world.row("payments", gift)[3] = world.rng.randrange(4)
    call = Call("change_payment", {"order": order, "payment": method})
    fields = {"order": order, "item": item[1], "payment": method}
    needs = () if rule == "change-pending" else ("payment",)
    return [_wish(world, "payment", fields, order, [call], f"Order {order} is paid by {method}", needs, rule)]


def home(world: World, user: int, trap: bool) -> list[Wish]:
    """A new address of the user. No rule forbids it."""
    to = world.address()
    call = Call("change_home", {"address": to})
    return [make_wish(world, "home", PHRASES["home"], {"address": to}, [call], f"Your home is {to}")]


GOALS = {
    "cancel": cancel,
    "address": address,
    "change": change,
    "exchange": exchange,
    "return": return_,
    "payment": payment,
    "home": home,
}
TRAPS = ("cancel", "address", "change", "exchange", "return", "payment")


def _another_variant(world: World, user: int, kind: str, status: str, rule: str) -> list[Wish]:
    order, item = _order(world, user, status, world.fresh(PRODUCTS), late=rule == "return-window")
    others = [row for row in world.rows["items"] if row[1] == item[1] and row is not item]
    new, other = world.rng.sample(others, 2)
    if rule == "in-stock":
        new[4] = 0
    call = Call(f"{kind}_item", {"order": order, "item": item[0], "new_item": new[0]})
    fields = {"order": order, "item": item[1], "variant": new[2]}
    needs = ("variant",) if rule in ("", "in-stock") else ()
    calls = [call]
    if needs:
        calls.insert(0, Call("get_product", {"product": item[1]}))
    instead = {"variant": other[2]} if world.rng.random() < 0.3 else None
    return [_wish(world, kind, fields, order, calls, f"Item {item[0]} becomes {new[0]}", needs, rule, instead=instead)]


def _wish(
    world: World,
    kind: str,
    fields: dict[str, Any],
    order: int,
    calls: list[Call],
    reply: str,
    needs: tuple[str, ...],
    rule: str,
    **more: Any,
) -> Wish:
    """A wish about an order, which is looked up first."""
    calls = [Call("get_order", {"order": order}), *calls]
    return make_wish(world, kind, PHRASES[kind], fields, calls, reply, needs=needs, rule=rule, **more)


def _customer(world: World) -> int:
    """A user with a card, a second card and a gift card."""
    user, rng = world.id(), world.rng
    world.add("users", user, world.person(), world.id(), rng.choice(("regular", "gold")), world.address())
    for kind in ("card", "card", "gift"):
        world.add("payments", world.id(), user, kind, rng.randrange(20, 100) if kind == "gift" else None)
    return user


def _payments(world: World, user: int) -> list[int]:
    return [row[0] for row in world.rows["payments"] if row[1] == user]


def _order(
    world: World, user: int, status: str, product: str, *, late: bool = False, extra: bool = False
) -> tuple[int, list[Any]]:
    """An order of one or two items, paid with the user's first card. Returns its id and the item of `product`."""
    rng, order = world.rng, world.id()
    wide = world.row("users", user)[3] == "gold"
    days = 0 if status != "delivered" else rng.randrange(61, 99) if late else rng.randrange(1, 61 if wide else 31)
    if late and not wide and rng.random() < 0.5:
        days = rng.randrange(31, 61)  # would do for a gold user
    names = [product, world.fresh(PRODUCTS)] if extra else [product]
    items = [rng.choice([row for row in world.rows["items"] if row[1] == name]) for name in names]
    card = _payments(world, user)[0]
    world.add("orders", order, user, status, days, card, world.row("users", user)[4], "")
    for item in items:
        world.add("lines", order, item[0], "kept", None)
    world.add("charges", order, card, sum(item[3] for item in items))
    return order, items[0]
