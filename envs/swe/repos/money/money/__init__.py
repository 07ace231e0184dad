"""Amounts of money that never lose a cent."""

from money.amount import CurrencyMismatchError, Money
from money.currency import Currency, currency
from money.exchange import RateMissingError, Rates
from money.invoice import Invoice, Line
from money.ledger import Ledger, UnbalancedError
from money.rounding import round_fraction, round_to_step
from money.textual import format_money, parse_money

__all__ = [
    "Currency",
    "CurrencyMismatchError",
    "Invoice",
    "Ledger",
    "Line",
    "Money",
    "RateMissingError",
    "Rates",
    "UnbalancedError",
    "currency",
    "format_money",
    "parse_money",
    "round_fraction",
    "round_to_step",
]
