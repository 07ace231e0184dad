"""Exchange rates."""

from __future__ import annotations

from fractions import Fraction

from money.amount import Money
from money.currency import currency
from money.rounding import Rule, round_fraction


class RateMissingError(LookupError):
    """There is no rate between two currencies, directly or through the base."""


class Rates:
    """Rates between currencies; one that is not given is the inverse of its opposite, or goes through the base.

    Args:
        base: the code of the currency through which others are exchanged.
        margin: what an exchange costs, as a share of what it yields, e.g. `"0.01"`.
    """

    def __init__(self, base: str, margin: str | Fraction = "0") -> None:
        self.base = base
        self.margin = Fraction(margin)
        if not 0 <= self.margin < 1:
            raise ValueError(f"a margin is a share from 0 to below 1, not {margin}")
        self._rates: dict[tuple[str, str], Fraction] = {}

    def set(self, source: str, target: str, rate: str | int | Fraction) -> None:
        """One major unit of `source` is worth `rate` of `target`.

        Raises:
            ValueError: the rate is not positive, or both are the same currency.
        """
        if source == target:
            raise ValueError(f"{source} is always worth itself")
        exact = Fraction(rate)
        if exact <= 0:
            raise ValueError(f"a rate must be positive, not {rate}")
        self._rates[source, target] = exact

    def rate(self, source: str, target: str) -> Fraction:
        """What one major unit of `source` is worth.

        Raises:
            RateMissingError: there is no way from one to the other.
        """
        direct = self._direct(source, target)
        if direct is not None:
            return direct
        first, second = self._direct(source, self.base), self._direct(self.base, target)
        if first is None or second is None:
            raise RateMissingError(f"no rate from {source} to {target}")
        return first * second

    def _direct(self, source: str, target: str) -> Fraction | None:
        if source == target:
            return Fraction(1)
        if (source, target) in self._rates:
            return self._rates[source, target]
        if (target, source) in self._rates:
            return 1 / self._rates[target, source]
        return None

    def convert(self, amount: Money, target: str, rule: Rule = "half_even") -> Money:
        """The amount in another currency, less the margin; in its own it stays as it is.

        Raises:
            RateMissingError: there is no rate.
        """
        if amount.currency.code == target:
            return amount
        kind = currency(target)
        exact = amount.major * self.rate(amount.currency.code, target) * (1 - self.margin)
        return Money(round_fraction(exact * kind.unit, rule), kind)
