"""Invoices."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from money.amount import Money, total
from money.rounding import Rule


@dataclass(frozen=True)
class Line:
    """Some of an article.

    Raises:
        ValueError: the quantity is negative, or the discount or tax rate is no share.
    """

    article: str
    quantity: int
    price: Money
    """Of one, without tax."""
    tax_rate: Fraction = Fraction(0)
    discount: Fraction = Fraction(0)
    """As a share of the price, from 0 to 1."""

    def __post_init__(self) -> None:
        if self.quantity < 0:
            raise ValueError(f"quantity of {self.article} is negative")
        if not 0 <= self.discount <= 1:
            raise ValueError(f"discount of {self.article} is not between 0 and 1")
        if self.tax_rate < 0:
            raise ValueError(f"tax rate of {self.article} is negative")

    @property
    def net(self) -> Money:
        """What it costs without tax, rounded once."""
        return self.price.times(self.quantity * (1 - self.discount), "half_up")


@dataclass
class Invoice:
    """Lines of one currency, their taxes, and what is still to be paid."""

    currency: str
    lines: list[Line] = field(default_factory=list)
    payments: list[Money] = field(default_factory=list)
    rounding: Rule = "half_up"
    """How taxes are rounded, once for each rate."""

    @property
    def net(self) -> Money:
        """The sum without taxes."""
        return total((line.net for line in self.lines), self.currency)

    def taxes(self) -> dict[Fraction, Money]:
        """The tax for each rate that occurs, the highest rate first; a rate of 0 is left out."""
        bases: dict[Fraction, Money] = {}
        for line in self.lines:
            if line.tax_rate > 0:
                bases[line.tax_rate] = bases.get(line.tax_rate, Money.zero(self.currency)) + line.net
        return {rate: bases[rate].times(rate, self.rounding) for rate in sorted(bases, reverse=True)}

    @property
    def gross(self) -> Money:
        """The sum with taxes."""
        return self.net + total(self.taxes().values(), self.currency)

    @property
    def due(self) -> Money:
        """What is still to be paid; nothing if more was paid than was due."""
        rest = self.gross - total(self.payments, self.currency)
        return max(rest, Money.zero(self.currency))

    def pay(self, amount: Money) -> Money:
        """Enter a payment; returns what was paid too much.

        Raises:
            ValueError: the amount is not positive.
        """
        if amount.minor <= 0:
            raise ValueError("a payment must be positive")
        change = max(amount - self.due, Money.zero(self.currency))
        self.payments.append(amount - change)
        return change

    def instalments(self, count: int) -> list[Money]:
        """What is due, in equal parts; the first ones are a minor unit higher where it does not divide."""
        return self.due.split(count)
