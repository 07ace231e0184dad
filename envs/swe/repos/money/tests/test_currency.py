import pytest

from money import Currency, currency


def test_known_currencies_are_found_in_either_case():
    assert currency("eur").code == "EUR"


def test_unknown_currency_lists_the_known():
    with pytest.raises(KeyError, match="known are EUR, USD"):
        currency("XYZ")


def test_unit_depends_on_the_digits():
    assert [currency(code).unit for code in ("JPY", "USD", "KWD")] == [1, 100, 1000]


def test_code_has_three_capital_letters():
    for code in ("EURO", "EU", "eur", "E1R"):
        with pytest.raises(ValueError, match="no currency code"):
            Currency(code)


def test_digits_are_bounded():
    assert Currency("ABC", 4).unit == 10_000
    assert Currency("ABC", 0).unit == 1
    for digits in (-1, 5):
        with pytest.raises(ValueError, match="decimal places"):
            Currency("ABC", digits)


def test_currency_is_written_as_its_code():
    assert str(currency("CHF")) == "CHF"
