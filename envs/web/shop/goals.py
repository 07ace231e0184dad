"""Goals in a generated catalogue: `test/beauty/17` is the 18th one for testing among products of beauty.

An instruction has the form of WebShop's synthetic ones, and its price limit is drawn as there. The products that goals
of one split are made from are those of no other split, and a goal is drawn until a search for its own words finds the
product: what is asked for can be bought by somebody who can read.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import lru_cache, partial

from agentrl.envs.lazy_ids import LazyIds
from agentrl.envs.web.shop.generator import lines
from agentrl.envs.web.shop.products import Goal, Product
from agentrl.envs.web.shop.search import Search
from agentrl.errors import ConfigError, UnknownNameError

SIZES = {"train": 2**18, "valid": 40, "test": 100}
"""Goals of each category. The products of held-out ones differ while there are enough products."""
OPENINGS = ("find me", "i need", "i am looking for", "i want to buy", "please get me")
_EIGHTHS = {"train": range(6), "valid": range(6, 7), "test": range(7, 8)}
_ID = re.compile(r"(train|valid|test)/(\w+)/(0|[1-9]\d{0,6})", re.ASCII)
_ATTEMPTS = 100
_LIMITS = range(1_000, 100_000, 1_000)
"""Price limits, in cents."""


class GeneratedGoals:
    """All goals in a catalogue, made when asked for; immutable."""

    splits = tuple(SIZES)

    def __init__(self, products: Sequence[Product], search: Search, seed: int) -> None:
        self._products, self._search, self._seed = products, search, seed
        self.categories = tuple(dict.fromkeys(line.category for line in lines()))
        self._pools = {
            (split, category): [
                i for i, p in enumerate(products) if p.category == category and i // len(lines()) % 8 in eighths
            ]
            for split, eighths in _EIGHTHS.items()
            for category in self.categories
        }
        for (split, category), pool in self._pools.items():
            if not pool:
                raise ConfigError(f"no product of {category} is left for {split}: ask for products={8 * len(lines())}")
            random.Random(f"agentrl webshop {seed} {split} {category}").shuffle(pool)
        self.goal = lru_cache(maxsize=4_096)(self._goal)

    def ids(self, split: str) -> Sequence[str]:
        """Ids of a split, the categories in turn."""
        return LazyIds(range(SIZES[split] * len(self.categories)), partial(_name, split, self.categories))

    def kind(self, task_id: str) -> str:
        """The category.

        Raises:
            UnknownNameError: there is no such goal.
        """
        return self._parse(task_id)[1]

    def _goal(self, task_id: str) -> Goal:
        """The goal of an id.

        Raises:
            UnknownNameError: there is none.
        """
        split, category, index = self._parse(task_id)
        pool = self._pools[split, category]
        rng = random.Random(f"agentrl webshop {self._seed} {task_id}")
        for attempt in range(_ATTEMPTS):
            number = pool[(index + attempt // 10) % len(pool)]
            goal = _draw(self._products[number], rng)
            if number in self._search.find(goal.query):
                return goal
        raise RuntimeError(f"{task_id}: none of {_ATTEMPTS} drawn goals can be found; the generator is wrong")

    def _parse(self, task_id: str) -> tuple[str, str, int]:
        match = _ID.fullmatch(task_id)
        if not match or match[2] not in self.categories or int(match[3]) >= SIZES[match[1]]:
            known = [f"{split}/{category}/0" for split in SIZES for category in self.categories]
            raise UnknownNameError("task", task_id, known)
        return match[1], match[2], int(match[3])


def price_limit(price: int, rng: random.Random) -> int | None:
    """As WebShop draws it: the higher of two of the next four tens of dollars above a price; None if it is too high."""
    above = [limit for limit in _LIMITS if limit > price][:4]
    return max(rng.sample(above, 2)) if len(above) >= 2 else None


def ask(wish: str, options: dict[str, str], limit: int | None) -> str:
    """An instruction in words."""
    chosen = ", and ".join(f"{name}: {value}" for name, value in options.items())
    price = "" if limit is None else f", and price lower than {limit / 100:.2f} dollars"
    return f"{wish}{' with ' if chosen else ''}{chosen}{price}"


def _draw(product: Product, rng: random.Random) -> Goal:
    attributes = tuple(rng.sample(product.attributes, rng.randint(1, 3)))
    options = {group: rng.choice(values) for group, values in product.options.items()}
    limit = price_limit(product.price_with(options), rng)
    wish = f"{rng.choice(OPENINGS)} {', '.join(attributes)} {product.query}"
    query = " ".join([*attributes, product.query, *options.values()])
    return Goal(ask(wish, options, limit), product, attributes, options, limit, query)


def _name(split: str, categories: Sequence[str], number: int) -> str:
    index, turn = divmod(number, len(categories))
    return f"{split}/{categories[turn]}/{index}"
