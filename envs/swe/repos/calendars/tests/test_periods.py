from datetime import date

import pytest

from calendars import Period, format_period, parse_period


def test_all_parts():
    assert parse_period("P1Y2M3W4D") == Period(14, 25)


def test_single_parts():
    assert parse_period("P2Y") == Period(months=24)
    assert parse_period("P2W") == Period(days=14)
    assert parse_period("P0D") == Period()


def test_sign_turns_all_round():
    assert parse_period("-P1M2D") == Period(-1, -2)


def test_what_is_no_period():
    for text in ("", "P", "-P", "1Y", "P1", "P1D2M", "P-1D"):
        with pytest.raises(ValueError, match="no period"):
            parse_period(text)


def test_format_carries_years():
    assert format_period(Period(14, 25)) == "P1Y2M25D"
    assert format_period(Period(24)) == "P2Y"


def test_format_of_negative_periods():
    assert format_period(Period(-1, -2)) == "-P1M2D"
    assert format_period(Period(0, -2)) == "-P2D"


def test_format_of_nothing():
    assert format_period(Period()) == "P0D"


def test_format_refuses_mixed_signs():
    with pytest.raises(ValueError, match="different signs"):
        format_period(Period(1, -2))


def test_arithmetic():
    assert Period(1, 2) + Period(3, 4) == Period(4, 6)
    assert Period(1, 2) - Period(3, 1) == Period(-2, 1)
    assert Period(1, 2) * 3 == Period(3, 6)


def test_after_adds_months_first():
    assert Period(1, 1).after(date(2024, 1, 31)) == date(2024, 3, 1)


def test_before_leads_back():
    assert Period(1, 1).before(date(2024, 3, 31)) == date(2024, 2, 28)


def test_between():
    assert Period.between(date(2024, 1, 15), date(2024, 3, 20)) == Period(2, 5)
    assert Period.between(date(2024, 1, 31), date(2024, 3, 1)) == Period(1, 1)


def test_between_backwards():
    assert Period.between(date(2024, 3, 20), date(2024, 1, 15)) == Period(-2, -5)


def test_between_leads_to_the_end():
    start, end = date(2023, 8, 31), date(2024, 2, 29)
    assert Period.between(start, end).after(start) == end
