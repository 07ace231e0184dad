"""The generated catalogue: the same products from the same seed, on every machine."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from agentrl.envs.web.shop.products import Product, Review

_PRAISE = (
    ("Better than I hoped", "I have had it for a month and would buy it again."),
    ("Good value", "It does what it says, and came in time."),
    ("A present", "My sister likes it a lot."),
    ("Just right", "As pictured; the quality is what you pay for."),
)
_BLAME = (
    ("Not for me", "It looks different in the picture, so I sent it back."),
    ("Disappointed", "It was fine for a week."),
)
_FEATURES = (
    "{} as you would expect of {}.",
    "Made with care: {}, and tested by people who use it.",
    "You asked for {}, and here it is.",
    "{}: the detail that makes the difference.",
)
_FILLER = (
    "Write to us if anything is wrong and we will make it right.",
    "Comes in a box that is easy to recycle.",
    "A family business since 1987.",
)
_DESCRIPTIONS = (
    "{brand} presents: {name}, {attribute}. Made to last, packed with care.",
    "A {name} with {attribute}, for yourself or as a gift.",
    "{attribute}, as everything of {brand}. Choose the {name} that suits you.",
)


@dataclass(frozen=True, slots=True)
class Line:
    """A type of product; the fields are those of `catalogue.toml`."""

    category: str
    name: str
    query: str
    path: str
    attributes: Sequence[str]
    options: Mapping[str, str]
    """Group → pool of its values."""
    price: tuple[int, int]
    """Dollars, from and to."""


@cache
def _table() -> tuple[Sequence[str], Mapping[str, Sequence[str]], tuple[Line, ...]]:
    table = tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8"))
    return table["brands"], table["pools"], tuple(Line(**row) for row in table["line"])


def lines() -> tuple[Line, ...]:
    """All types of products, by category."""
    return _table()[2]


def generate(seed: int, count: int) -> tuple[Product, ...]:
    """A catalogue: the lines in turn, all of them as often as the others."""
    # Not numpy's generators, whose streams may change from version to version.
    rng = random.Random(f"agentrl webshop {seed}")
    numbers = rng.sample(range(10**9), count)
    return tuple(_draw(lines()[i % len(lines())], f"B{number:09d}", rng) for i, number in enumerate(numbers))


def _draw(line: Line, asin: str, rng: random.Random) -> Product:
    brands, pools, _ = _table()
    brand = rng.choice(brands)
    attributes = rng.sample(line.attributes, rng.randint(3, 6))
    shown = rng.randint(1, 2)  # of them in the title, one in the description, the rest among the features
    described, *featured = attributes[shown:]
    told = _DESCRIPTIONS[rng.randrange(len(_DESCRIPTIONS))]
    features = [rng.choice(_FEATURES).format(a.capitalize(), brand) for a in featured] + [rng.choice(_FILLER)]
    rng.shuffle(features)
    price = rng.randrange(line.price[0], line.price[1]) * 100 + rng.choice((0, 49, 95, 99))
    options = {group: _some(pools[pool], rng) for group, pool in line.options.items()}
    good = rng.randint(30, 50)
    return Product(
        asin=asin,
        category=line.category,
        query=line.query,
        title=" ".join([brand, *(a.title() for a in attributes[:1]), line.name])
        + "".join(f", {a.title()}" for a in attributes[1:shown]),
        path=line.path,
        attributes=tuple(attributes),
        features=tuple(features),
        description=_sentence(told.format(brand=brand, name=line.name, attribute=described)),
        options=options,
        price=price,
        extras=_extras(options, price, rng),
        rating=f"{good / 10}",
        reviews=tuple(_review(good, rng) for _ in range(rng.randrange(4))),
    )


def _some(pool: Sequence[str], rng: random.Random) -> tuple[str, ...]:
    """Two to five values of a pool, in its order."""
    chosen = {*rng.sample(range(len(pool)), rng.randint(2, min(5, len(pool))))}
    return tuple(value for i, value in enumerate(pool) if i in chosen)


def _extras(options: Mapping[str, tuple[str, ...]], price: int, rng: random.Random) -> dict[str, int]:
    """What the later values of some groups cost more: up to a quarter of the price, in steps of 50 cents."""
    extras = {}
    for values in options.values():
        if rng.random() < 0.4:
            step = rng.randint(1, max(1, price // 1000)) * 50
            extras.update({value: step * i for i, value in enumerate(values) if i})
    return extras


def _review(good: int, rng: random.Random) -> Review:
    happy = rng.randrange(50) < good
    title, body = rng.choice(_PRAISE if happy else _BLAME)
    return Review(title, f"{rng.randint(4, 5) if happy else rng.randint(1, 3)}.0", body)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
