"""Reads pages and instructions as a customer does, who has nothing but the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from re import Pattern

from agentrl.envs.web.shop.generator import lines
from agentrl.envs.web.shop.goals import OPENINGS
from agentrl.envs.web.shop.views import SEPARATOR
from agentrl.envs.web.shop.visit import SUB_PAGES
from agentrl.errors import ConfigError

_PRICE = re.compile(r"\$([\d.]+)")
_RESULT = re.compile(r"(\d+) (.+) (\d+)")


@dataclass(frozen=True, slots=True)
class Wish:
    """What an instruction asks for."""

    query: str
    attributes: tuple[str, ...]
    options: tuple[str, ...]
    limit: float
    """Dollars; infinite where there is none."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A product among the results."""

    name: str
    """What to click."""
    title: str
    price: float
    """Dollars, without options."""


@dataclass(frozen=True, slots=True)
class Page:
    """What can be read on a page."""

    kind: str
    """`index`, `results`, `item` or `sub`."""
    words: str
    """All of it, in lower case."""
    offers: Sequence[Offer] = ()
    options: frozenset[str] = frozenset()
    price: float = 0.0
    """Of the product that is open, in dollars; the most where there is a range."""
    last: bool = True
    """Whether no page of results follows."""


def read_instruction(text: str) -> Wish:
    """What an instruction asks for.

    Raises:
        ConfigError: it is put together in a way that generated instructions are not.
    """
    match = _instruction().fullmatch(text)
    if not match:
        raise ConfigError(f"the instruction {text!r} is none of a generated shop, so the shopper cannot read it")
    options = tuple(part.partition(": ")[2] for part in match["options"].split(", and ")) if match["options"] else ()
    limit = float(match["limit"]) if match["limit"] else float("inf")
    return Wish(match["query"], tuple(match["attributes"].split(", ")), options, limit)


@cache
def _instruction() -> Pattern[str]:
    queries = "|".join(sorted({re.escape(line.query) for line in lines()}, key=len, reverse=True))
    return re.compile(
        rf"(?:{'|'.join(OPENINGS)}) (?P<attributes>.+?) (?P<query>{queries})(?: with (?P<options>.+?))?"
        r"(?:, and price lower than (?P<limit>[\d.]+) dollars)?"
    )


def instruction_of(observation: str) -> str:
    """The instruction on the first page, in either mode."""
    return observation.split(SEPARATOR)[2] if SEPARATOR in observation else observation


def read_text(observation: str) -> Page:
    """A page of the mode `text`."""
    parts = observation.split(SEPARATOR)
    words = SEPARATOR.join(parts[3:]).lower()  # what follows the instruction
    if parts[0] == "WebShop":
        return Page("index", words)
    if len(parts) > 3 and parts[3].startswith("Page "):
        rows = [part for part in parts[4:] if part not in ("< Prev", "Next >")]
        found = zip(rows[::3], rows[1::3], rows[2::3], strict=False)
        offers = [Offer(asin.lower(), title.lower(), _prices(tag)[0]) for asin, title, tag in found]
        return Page("results", words, offers, last="Next >" not in parts[4:6])
    if parts[-1] == "Buy Now":
        price = next(_prices(part)[-1] for part in parts if part.startswith("Price: "))
        return Page("item", words, options=frozenset(parts[4:]), price=price)
    return Page("sub", words)


def read_compact(observation: str) -> Page:
    """A page of the mode `compact`."""
    first, *rows = observation.split("\n")
    if match := re.fullmatch(r"page (\d+) of (\d+)", first):
        offers = [Offer(m[1], m[2], float(m[3])) for row in rows if (m := _RESULT.fullmatch(row))]
        return Page("results", observation, offers, last=match[1] == match[2])
    if first.startswith(tuple(f"{page}: " for page in SUB_PAGES)):
        return Page("sub", observation)
    price = first.rpartition(" ")[2]
    if not price.isdecimal():
        return Page("index", observation)
    values = (value.strip("[]") for row in rows for value in row.partition(": ")[2].split(", "))
    return Page("item", observation, options=frozenset(values), price=float(price))


def _prices(tag: str) -> list[float]:
    return [float(price) for price in _PRICE.findall(tag)]
