from fractions import Fraction

import pytest

from money import Money, RateMissingError, Rates


@pytest.fixture
def rates():
    made = Rates("EUR")
    made.set("EUR", "USD", "1.25")
    made.set("EUR", "JPY", 160)
    made.set("GBP", "EUR", "1.2")
    return made


def test_rate_as_given(rates):
    assert rates.rate("EUR", "USD") == Fraction(5, 4)


def test_rate_is_inverted(rates):
    assert rates.rate("USD", "EUR") == Fraction(4, 5)


def test_rate_to_itself(rates):
    assert rates.rate("CHF", "CHF") == 1


def test_rate_through_the_base(rates):
    assert rates.rate("GBP", "USD") == Fraction(3, 2)
    assert rates.rate("USD", "JPY") == 128


def test_given_rate_is_preferred_to_the_base(rates):
    rates.set("GBP", "USD", "1.4")
    assert rates.rate("GBP", "USD") == Fraction(7, 5)
    assert rates.rate("USD", "GBP") == Fraction(5, 7)


def test_missing_rate(rates):
    with pytest.raises(RateMissingError, match="from CHF to EUR"):
        rates.rate("CHF", "EUR")
    with pytest.raises(RateMissingError, match="from USD to CHF"):
        rates.rate("USD", "CHF")


def test_rates_must_be_positive(rates):
    with pytest.raises(ValueError, match="positive"):
        rates.set("EUR", "CHF", 0)


def test_currency_has_no_rate_to_itself(rates):
    with pytest.raises(ValueError, match="itself"):
        rates.set("EUR", "EUR", 1)


def test_conversion_changes_the_minor_unit(rates):
    assert rates.convert(Money.of("10.01", "EUR"), "JPY") == Money.of(1602, "JPY")
    assert rates.convert(Money.of(100, "JPY"), "EUR") == Money.of("0.62", "EUR")
    assert rates.convert(Money.of(100, "JPY"), "EUR", "up") == Money.of("0.63", "EUR")


def test_margin_is_taken_from_what_it_yields():
    rates = Rates("EUR", "0.02")
    rates.set("EUR", "USD", 2)
    assert rates.convert(Money.of(10, "EUR"), "USD") == Money.of("19.60", "USD")


def test_same_currency_costs_no_margin():
    assert Rates("EUR", "0.02").convert(Money.of(10, "EUR"), "EUR") == Money.of(10, "EUR")


def test_margin_is_a_share():
    assert Rates("EUR", 0).margin == 0
    for margin in ("1", "-0.1"):
        with pytest.raises(ValueError, match="margin"):
            Rates("EUR", margin)
