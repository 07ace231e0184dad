import pytest

from money import Money, format_money, parse_money


def test_thousands_are_grouped():
    assert format_money(Money.of("1234567.5", "EUR")) == "1,234,567.50 EUR"
    assert format_money(Money.of("1234567.5", "EUR"), grouping=False) == "1234567.50 EUR"


def test_digits_follow_the_currency():
    assert format_money(Money.of("0.05", "USD")) == "0.05 USD"
    assert format_money(Money.of(1500, "JPY")) == "1,500 JPY"
    assert format_money(Money.of("1.002", "KWD")) == "1.002 KWD"


def test_negative_amounts_have_a_sign():
    assert format_money(Money.of("-0.05", "USD")) == "-0.05 USD"


def test_negative_amounts_in_accounting():
    assert format_money(Money.of("-5", "USD"), accounting=True) == "(5.00 USD)"
    assert format_money(Money.of("5", "USD"), accounting=True) == "5.00 USD"


def test_symbol_stands_where_it_is_written():
    assert format_money(Money.of("-5", "USD"), symbol=True) == "-$5.00"
    assert format_money(Money.of("5", "EUR"), symbol=True) == "5.00 €"


def test_currency_without_symbol_shows_its_code():
    assert format_money(Money.of("5", "CHF"), symbol=True) == "5.00 CHF"


def test_code_before_or_behind():
    assert parse_money("12.50 EUR") == Money.of("12.50", "EUR")
    assert parse_money("usd 12.5") == Money.of("12.50", "USD")


def test_code_by_default():
    assert parse_money("3", "JPY") == Money.of(3, "JPY")
    assert parse_money("3 EUR", "JPY") == Money.of(3, "EUR")


def test_signs_and_parentheses():
    assert parse_money("-1 EUR") == Money.of(-1, "EUR")
    assert parse_money("+1 EUR") == Money.of(1, "EUR")
    assert parse_money("(1 EUR)") == Money.of(-1, "EUR")


def test_sign_within_parentheses_is_refused():
    with pytest.raises(ValueError, match="no amount"):
        parse_money("(-1 EUR)")


def test_grouping_must_be_of_three_digits():
    assert parse_money("1,234,567 EUR") == Money.of(1234567, "EUR")
    with pytest.raises(ValueError, match="no amount"):
        parse_money("12,34 EUR")


def test_text_without_amount_or_currency_is_refused():
    with pytest.raises(ValueError, match="no amount"):
        parse_money("EUR")
    with pytest.raises(ValueError, match="no currency"):
        parse_money("5")


def test_too_many_decimal_places_are_refused():
    with pytest.raises(ValueError, match="more decimal places"):
        parse_money("1.234 EUR")
    assert parse_money("1.234 KWD").minor == 1234


def test_formatted_amounts_are_read_back():
    for amount in (Money(-123456, Money.zero("EUR").currency), Money.of(7, "JPY")):
        assert parse_money(format_money(amount)) == amount
        assert parse_money(format_money(amount, accounting=True)) == amount
