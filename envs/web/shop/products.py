"""What is sold, and what is wanted. Money is in whole cents, so that a price limit holds exactly or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Review(NamedTuple):
    """What a customer says of a product."""

    title: str
    score: str
    """Stars of five."""
    body: str


@dataclass(frozen=True, slots=True)
class Product:
    """One product."""

    asin: str
    category: str
    query: str
    """The phrase under which such products are listed."""
    title: str
    path: str
    """Its place among all products, from wide to narrow: `Electronics › Accessories › Cables`."""
    attributes: tuple[str, ...]
    features: tuple[str, ...] = ()
    """Sentences of the page `Features`."""
    description: str = ""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of a group → its values, of which at most one is chosen."""
    price: int = 10_000
    """With options that cost nothing."""
    extras: Mapping[str, int] = field(default_factory=dict)
    """Value of an option → what it adds to the price; 0 where it is missing."""
    rating: str = "N.A."
    reviews: tuple[Review, ...] = ()
    tag: str = ""
    """The price as the list of results shows it; by default made of `price` and `extras`."""

    @property
    def price_tag(self) -> str:
        """`$5.0`, or `$5.0 to $7.5`."""
        if self.tag:
            return self.tag
        most = self.price + sum(max(self.extras.get(value, 0) for value in group) for group in self.options.values())
        return dollars(self.price) if most == self.price else f"{dollars(self.price)} to {dollars(most)}"

    def price_with(self, chosen: Mapping[str, str]) -> int:
        """The price with options chosen: name of a group → value."""
        return self.price + sum(self.extras.get(value, 0) for value in chosen.values())


@dataclass(frozen=True, slots=True)
class Goal:
    """What a customer was sent to buy."""

    instruction: str
    product: Product
    """One that meets all of it."""
    attributes: tuple[str, ...]
    """At least one."""
    options: Mapping[str, str] = field(default_factory=dict)
    price_upper: int | None = None
    """The most that it may cost; None: anything."""
    query: str = ""
    """A search that finds the product, where one is known."""


def dollars(cents: int) -> str:
    """`$12.5`, as WebShop writes it."""
    return f"${cents / 100}"
