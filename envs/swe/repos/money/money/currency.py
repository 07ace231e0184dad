"""Currencies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Currency:
    """A currency, and how its amounts are written."""

    code: str
    """Three capital letters, as ISO 4217 has them."""
    digits: int = 2
    """Decimal places of the minor unit: 2 for cents, 0 where there is none."""
    symbol: str = ""
    symbol_first: bool = True

    def __post_init__(self) -> None:
        if len(self.code) != 3 or not self.code.isalpha() or not self.code.isupper():
            raise ValueError(f"{self.code!r} is no currency code: three capital letters")
        if not 0 <= self.digits <= 4:
            raise ValueError(f"a currency has 0 to 4 decimal places, not {self.digits}")

    @property
    def unit(self) -> int:
        """Minor units in one major unit."""
        return int(10**self.digits)

    def __str__(self) -> str:
        return self.code


_KNOWN = {
    entry.code: entry
    for entry in (
        Currency("EUR", 2, "€", symbol_first=False),
        Currency("USD", 2, "$"),
        Currency("GBP", 2, "£"),
        Currency("JPY", 0, "¥"),
        Currency("KWD", 3),
        Currency("CHF", 2),
    )
}


def currency(code: str) -> Currency:
    """A known currency by its code, in either case.

    Raises:
        KeyError: it is not known.
    """
    try:
        return _KNOWN[code.upper()]
    except KeyError:
        raise KeyError(f"no currency {code!r}: known are {', '.join(_KNOWN)}") from None
