from datetime import date
from fractions import Fraction

import pytest

from calendars import year_fraction
from calendars.daycount import is_month_end

START, END = date(2023, 7, 31), date(2024, 3, 31)


def test_actual_by_365():
    assert year_fraction(START, END) == Fraction(244, 365)


def test_actual_by_360():
    assert year_fraction(START, END, "actual/360") == Fraction(244, 360)


def test_thirty_days_a_month():
    assert year_fraction(START, END, "30/360") == Fraction(240, 360)
    assert year_fraction(date(2024, 1, 15), date(2025, 3, 20), "30/360") == Fraction(425, 360)


def test_american_and_european_thirty():
    assert year_fraction(date(2024, 1, 15), date(2024, 3, 31), "30/360") == Fraction(76, 360)
    assert year_fraction(date(2024, 1, 15), date(2024, 3, 31), "30E/360") == Fraction(75, 360)


def test_actual_by_the_length_of_each_year():
    assert year_fraction(START, END, "actual/actual") == Fraction(154, 365) + Fraction(90, 366)
    assert year_fraction(date(2023, 1, 1), date(2025, 1, 1), "actual/actual") == 2


def test_backwards_is_negative():
    assert year_fraction(END, START, "actual/360") == Fraction(-244, 360)


def test_no_time():
    assert year_fraction(END, END, "actual/actual") == 0


def test_unknown_basis():
    with pytest.raises(ValueError, match="basis 'monthly'"):
        year_fraction(START, END, "monthly")


def test_month_end():
    assert is_month_end(date(2024, 2, 29))
    assert not is_month_end(date(2024, 2, 28))
