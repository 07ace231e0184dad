"""A shop and an airline, written by hand, that the tests know by heart. Mia berg is user 7, ben cole user 8."""

from __future__ import annotations

import random
import sqlite3

import pytest

from agentrl.envs.text.tooldesk.database import connect
from agentrl.envs.text.tooldesk.domain import Domain
from agentrl.envs.text.tooldesk.tasks import DOMAINS
from agentrl.envs.text.tooldesk.world import World

SHOP = {
    "users": [[7, "mia berg", 47, "regular", "oak street 1"], [8, "ben cole", 48, "gold", "elm street 2"]],
    "payments": [[10, 7, "card", None], [11, 7, "card", None], [12, 7, "gift", 20], [13, 8, "card", None]],
    "items": [
        [20, "lamp", "red", 30, 5],
        [21, "lamp", "blue", 34, 5],
        [22, "lamp", "black", 30, 0],
        [23, "mug", "red", 8, 5],
        [24, "lamp", "white", 90, 5],
    ],
    "orders": [
        [30, 7, "pending", 0, 10, "oak street 1", ""],
        [31, 7, "delivered", 10, 10, "oak street 1", ""],
        [32, 7, "delivered", 40, 10, "oak street 1", ""],
        [33, 8, "delivered", 40, 13, "elm street 2", ""],
        [34, 7, "pending", 0, 12, "oak street 1", ""],
        [35, 7, "shipped", 0, 10, "oak street 1", ""],
    ],
    "lines": [[30, 20, "kept", None], [30, 23, "kept", None]]
    + [[order, 20, "kept", None] for order in (31, 32, 33, 35)]
    + [[34, 23, "kept", None]],
    "charges": [[30, 10, 38], [31, 10, 30], [32, 10, 30], [33, 13, 30], [34, 12, 8], [35, 10, 30]],
}
AIRLINE = {
    "users": [[7, "mia berg", 47, "silver"], [8, "ben cole", 48, "regular"]],
    "payments": [[10, 7, "card", None], [12, 7, "gift", 60], [13, 8, "card", None]],
    "flights": [
        [20, "oslo", "rome", 25, 3, 40, 65, 120],
        [21, "oslo", "rome", 27, 3, 50, 75, 150],
        [22, "oslo", "rome", 28, 0, 50, 75, 150],
        [23, "oslo", "lima", 25, 3, 50, 75, 150],
        [24, "oslo", "rome", 12, 3, 50, 75, 150],
    ],
    "reservations": [
        [30, 7, 20, "economy", 2, 0, 0, 90, "active", 10],
        [31, 7, 20, "basic", 1, 0, 1, 90, "active", 10],
        [32, 7, 24, "business", 0, 0, 1, 90, "active", 10],
        [33, 8, 20, "business", 0, 0, 1, 90, "active", 13],
    ],
    "charges": [[30, 10, 65], [31, 10, 40], [32, 10, 150], [33, 13, 120]],
}


def database(domain: Domain, rows: dict[str, list[list[object]]]) -> sqlite3.Connection:
    world = World(random.Random(0), "train")
    world.rows.update(rows)
    return connect(domain.image(world))


@pytest.fixture
def shop() -> sqlite3.Connection:
    return database(DOMAINS["retail"], SHOP)


@pytest.fixture
def airline() -> sqlite3.Connection:
    return database(DOMAINS["airline"], AIRLINE)
