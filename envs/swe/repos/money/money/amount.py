"""An amount of money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from money.currency import Currency, currency
from money.rounding import Rule, round_fraction


class CurrencyMismatchError(ValueError):
    """Amounts of different currencies were added or compared."""


@dataclass(frozen=True)
class Money:
    """A whole number of minor units of a currency."""

    minor: int
    currency: Currency

    @classmethod
    def of(cls, amount: str | int | Fraction, code: str, rule: Rule | None = None) -> Money:
        """From major units, e.g. `Money.of("12.34", "EUR")`.

        Raises:
            ValueError: it has more decimal places than the currency, and no rule to round it by.
        """
        kind = currency(code)
        exact = Fraction(amount) * kind.unit
        if rule is None:
            if exact.denominator != 1:
                raise ValueError(f"{amount} has more decimal places than {code}: name a rounding rule")
            return cls(exact.numerator, kind)
        return cls(round_fraction(exact, rule), kind)

    @classmethod
    def zero(cls, code: str) -> Money:
        """Nothing of a currency."""
        return cls(0, currency(code))

    @property
    def major(self) -> Fraction:
        """The exact number of major units."""
        return Fraction(self.minor, self.currency.unit)

    def __bool__(self) -> bool:
        return self.minor != 0

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise CurrencyMismatchError(f"{self.currency} and {other.currency} do not go together")
        return other.minor

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __abs__(self) -> Money:
        return Money(abs(self.minor), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def times(self, factor: Fraction | int | str, rule: Rule = "half_even") -> Money:
        """The amount times a factor, rounded to minor units."""
        return Money(round_fraction(self.minor * Fraction(factor), rule), self.currency)

    def ratio(self, other: Money) -> Fraction:
        """How many times the other it is, exactly.

        Raises:
            ZeroDivisionError: the other is nothing.
        """
        return Fraction(self.minor, self._same(other))

    def allocate(self, ratios: Sequence[int]) -> list[Money]:
        """Shares in proportion to the ratios that add up to the amount; minor units left over go to the first ones.

        A share of ratio 0 gets nothing.

        Raises:
            ValueError: a ratio is negative, or all are 0.
        """
        total = sum(ratios)
        if total <= 0 or min(ratios) < 0:
            raise ValueError("ratios must not be negative, and at least one must be positive")
        sign = -1 if self.minor < 0 else 1
        shares = [abs(self.minor) * ratio // total for ratio in ratios]
        left = abs(self.minor) - sum(shares)
        for index, ratio in enumerate(ratios):
            if left == 0:
                break
            if ratio > 0:
                shares[index] += 1
                left -= 1
        return [Money(sign * share, self.currency) for share in shares]

    def split(self, count: int) -> list[Money]:
        """Equal shares, as far as that goes.

        Raises:
            ValueError: the count is not positive.
        """
        if count < 1:
            raise ValueError(f"cannot split among {count}")
        return self.allocate([1] * count)


def total(amounts: Iterable[Money], code: str) -> Money:
    """The sum; nothing of the currency if there are none."""
    result = Money.zero(code)
    for amount in amounts:
        result += amount
    return result
