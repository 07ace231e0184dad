from fractions import Fraction

import pytest

from money import Invoice, Line, Money

FULL, REDUCED = Fraction(19, 100), Fraction(7, 100)


def eur(amount):
    return Money.of(amount, "EUR")


@pytest.fixture
def invoice():
    return Invoice(
        "EUR",
        [
            Line("pen", 3, eur("1.15"), FULL),
            Line("book", 1, eur("20.00"), REDUCED, discount=Fraction(1, 4)),
            Line("ink", 2, eur("4.20"), FULL),
            Line("stamp", 1, eur("0.85")),
        ],
    )


def test_line_takes_quantity_and_discount():
    assert Line("book", 3, eur("9.99"), discount=Fraction(1, 10)).net == eur("26.97")


def test_line_is_rounded_half_up():
    assert Line("nut", 1, eur("0.05"), discount=Fraction(1, 2)).net == eur("0.03")


def test_line_of_nothing():
    assert Line("gift", 0, eur(5)).net == eur(0)
    assert Line("gift", 2, eur(5), discount=Fraction(1)).net == eur(0)


def test_line_refuses_senseless_numbers():
    with pytest.raises(ValueError, match="quantity of pen"):
        Line("pen", -1, eur(1))
    with pytest.raises(ValueError, match="discount of pen"):
        Line("pen", 1, eur(1), discount=Fraction(11, 10))
    with pytest.raises(ValueError, match="discount of pen"):
        Line("pen", 1, eur(1), discount=Fraction(-1, 10))
    with pytest.raises(ValueError, match="tax rate of pen"):
        Line("pen", 1, eur(1), Fraction(-1, 10))


def test_net_adds_lines(invoice):
    assert invoice.net == eur("27.70")


def test_taxes_are_rounded_once_for_each_rate(invoice):
    assert invoice.taxes() == {FULL: eur("2.25"), REDUCED: eur("1.05")}


def test_highest_tax_rate_comes_first(invoice):
    invoice.lines.reverse()
    assert list(invoice.taxes()) == [FULL, REDUCED]


def test_rounding_of_taxes_can_be_chosen(invoice):
    invoice.rounding = "up"
    assert invoice.taxes()[FULL] == eur("2.26")


def test_gross_includes_taxes(invoice):
    assert invoice.gross == eur("31.00")


def test_due_shrinks_with_payments(invoice):
    assert invoice.pay(eur("10.50")) == eur(0)
    assert invoice.due == eur("20.50")


def test_payment_beyond_what_is_due_returns_change(invoice):
    invoice.pay(eur(30))
    assert invoice.pay(eur(5)) == eur(4)
    assert invoice.due == eur(0)
    assert invoice.payments == [eur(30), eur(1)]


def test_nothing_is_due_after_too_much_was_entered(invoice):
    invoice.payments.append(eur(50))
    assert invoice.due == eur(0)


def test_payment_must_be_positive(invoice):
    with pytest.raises(ValueError, match="positive"):
        invoice.pay(eur(0))


def test_instalments_add_up_to_what_is_due(invoice):
    assert invoice.instalments(3) == [eur("10.34"), eur("10.33"), eur("10.33")]


def test_empty_invoice():
    assert Invoice("USD").gross == Money.zero("USD")
    assert Invoice("USD").taxes() == {}
