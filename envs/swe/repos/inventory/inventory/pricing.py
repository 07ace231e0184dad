"""What things cost those who buy them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inventory.articles import Article


@dataclass(frozen=True)
class Promotion:
    """Buy some, get some of them for nothing, on some days."""

    number: str
    buy: int
    free: int
    first_day: int
    last_day: int

    def free_of(self, quantity: int, day: int) -> int:
        """How many of a quantity are for nothing."""
        if not self.first_day <= day <= self.last_day:
            return 0
        return quantity // (self.buy + self.free) * self.free


class PriceList:
    """Discounts by quantity and by customer, and promotions.

    Args:
        breaks: percent off by the least quantity, e.g. `{10: 5, 100: 12}`.
        customers: percent off by customer, taken from what is left.
        promotions: of those for an article, the best for the customer counts.

    Raises:
        ValueError: a percentage is not between 0 and 100.
    """

    def __init__(
        self,
        breaks: Mapping[int, int] | None = None,
        customers: Mapping[str, int] | None = None,
        promotions: Sequence[Promotion] = (),
    ) -> None:
        self.breaks = dict(sorted((breaks or {}).items()))
        self.customers = dict(customers or {})
        self.promotions = tuple(promotions)
        for percent in (*self.breaks.values(), *self.customers.values()):
            if not 0 <= percent <= 100:
                raise ValueError(f"{percent} percent off")

    def discount(self, quantity: int) -> int:
        """Percent off for a quantity."""
        found = 0
        for least, percent in self.breaks.items():
            if quantity >= least:
                found = percent
        return found

    def total(self, article: Article, quantity: int, customer: str = "", day: int = 0) -> int:
        """Cents for some of an article, rounded half up once."""
        free = max(
            (entry.free_of(quantity, day) for entry in self.promotions if entry.number == article.number), default=0
        )
        paid = quantity - free
        share = (100 - self.discount(paid)) * (100 - self.customers.get(customer, 0))
        return (article.price * paid * share + 5_000) // 10_000

    def cheaper_quantity(self, article: Article, quantity: int) -> int:
        """The quantity from `quantity` on that costs least in all, the smallest of several: more may cost less."""
        options = [quantity, *(least for least in self.breaks if least > quantity)]
        return min(options, key=lambda option: (self.total(article, option), option))
