"""Amounts as text."""

from __future__ import annotations

import re

from money.amount import Money
from money.currency import currency

_AMOUNT = re.compile(r"(?P<sign>[-+]?)(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<part>\d+))?", re.ASCII)


def format_money(amount: Money, *, grouping: bool = True, symbol: bool = False, accounting: bool = False) -> str:
    """`-1,234.50 EUR`.

    Args:
        grouping: commas between thousands.
        symbol: the symbol of the currency where it has one: `-$5.00`, `5.00 €`.
        accounting: negative amounts in parentheses instead of a sign.
    """
    kind = amount.currency
    whole, part = divmod(abs(amount.minor), kind.unit)
    text = f"{whole:,}" if grouping else str(whole)
    if kind.digits > 0:
        text += f".{part:0{kind.digits}d}"
    if symbol and kind.symbol:
        text = kind.symbol + text if kind.symbol_first else f"{text} {kind.symbol}"
    else:
        text = f"{text} {kind.code}"
    if amount.minor >= 0:
        return text
    return f"({text})" if accounting else f"-{text}"


def parse_money(text: str, default: str | None = None) -> Money:
    """What `format_money` writes with a code, before or behind the amount.

    Args:
        default: the code of the currency where the text has none.

    Raises:
        ValueError: it is no amount, has no currency, or more decimal places than the currency.
    """
    body = text.strip()
    negative = body.startswith("(") and body.endswith(")")
    if negative:
        body = body[1:-1].strip()
    code = default
    if body[:3].isalpha():
        code, body = body[:3], body[3:].strip()
    elif body[-3:].isalpha():
        code, body = body[-3:], body[:-3].strip()
    match = _AMOUNT.fullmatch(body)
    if match is None or (negative and match["sign"]):
        raise ValueError(f"{text!r} is no amount of money")
    if code is None:
        raise ValueError(f"{text!r} names no currency")
    part = match["part"] or ""
    if len(part) > currency(code).digits:
        raise ValueError(f"{text!r} has more decimal places than {code}")
    amount = Money.of(f"{match['whole'].replace(',', '')}.{part or '0'}", code)
    return -amount if negative or match["sign"] == "-" else amount
