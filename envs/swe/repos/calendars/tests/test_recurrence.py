from datetime import date

import pytest

from calendars import Rule, parse_rule

START = date(2024, 1, 31)


def shown(days):
    return [day.strftime("%m-%d") for day in days]


def test_daily():
    assert shown(Rule("daily").take(START, 3)) == ["01-31", "02-01", "02-02"]


def test_every_third_day():
    assert shown(Rule("daily", 3).take(START, 3)) == ["01-31", "02-03", "02-06"]


def test_weekly_on_the_day_of_the_start():
    assert shown(Rule("weekly").take(START, 3)) == ["01-31", "02-07", "02-14"]


def test_weekly_on_some_days():
    rule = Rule("weekly", weekdays=((None, 4), (None, 0)))
    assert shown(rule.take(START, 4)) == ["02-02", "02-05", "02-09", "02-12"]


def test_every_other_week_counts_from_the_week_of_the_start():
    rule = Rule("weekly", 2, weekdays=((None, 0), (None, 3)))
    assert shown(rule.take(START, 4)) == ["02-01", "02-12", "02-15", "02-26"]


def test_monthly_skips_months_without_the_day():
    assert shown(Rule("monthly").take(START, 4)) == ["01-31", "03-31", "05-31", "07-31"]


def test_monthly_on_days_from_both_ends():
    rule = Rule("monthly", month_days=(-1, 15))
    assert shown(rule.take(START, 4)) == ["01-31", "02-15", "02-29", "03-15"]


def test_days_that_no_month_has():
    assert Rule("monthly", month_days=(0, 32, -32)).take(START, 1) == []


def test_monthly_on_a_numbered_weekday():
    rule = Rule("monthly", weekdays=((2, 1), (-1, 4)))
    assert shown(rule.take(START, 4)) == ["02-13", "02-23", "03-12", "03-29"]


def test_monthly_on_every_such_weekday():
    rule = Rule("monthly", 2, weekdays=((None, 0),))
    assert shown(rule.take(date(2024, 4, 1), 6)) == ["04-01", "04-08", "04-15", "04-22", "04-29", "06-03"]


def test_fifth_weekday_of_months_that_have_one():
    rule = Rule("monthly", weekdays=((5, 0),))
    assert shown(rule.take(START, 3)) == ["04-29", "07-29", "09-30"]


def test_yearly():
    assert Rule("yearly", 2).take(START, 2) == [date(2024, 1, 31), date(2026, 1, 31)]


def test_yearly_on_leap_day():
    assert Rule("yearly").take(date(2024, 2, 29), 2) == [date(2024, 2, 29), date(2028, 2, 29)]


def test_count_ends_a_rule():
    assert len(list(Rule("daily", count=5).days(START))) == 5


def test_last_day_is_included():
    assert shown(Rule("daily", until=date(2024, 2, 1)).days(START)) == ["01-31", "02-01"]


def test_between_includes_both_ends():
    rule = Rule("weekly")
    assert shown(rule.between(START, date(2024, 2, 7), date(2024, 2, 21))) == ["02-07", "02-14", "02-21"]


def test_between_counts_from_the_start():
    rule = Rule("daily", count=3)
    assert shown(rule.between(START, date(2024, 2, 2), date(2024, 2, 9))) == ["02-02"]


def test_numbers_must_be_positive():
    with pytest.raises(ValueError, match="interval"):
        Rule("daily", 0)
    with pytest.raises(ValueError, match="count"):
        Rule("daily", count=0)


def test_count_and_end_exclude_each_other():
    with pytest.raises(ValueError, match="not both"):
        Rule("daily", count=1, until=START)


def test_parts_must_go_with_the_frequency():
    with pytest.raises(ValueError, match="weekdays do not go with yearly"):
        Rule("yearly", weekdays=((None, 1),))
    with pytest.raises(ValueError, match="month do not go with weekly"):
        Rule("weekly", month_days=(1,))
    with pytest.raises(ValueError, match="have no number"):
        Rule("weekly", weekdays=((1, 1),))


def test_parse_all_parts():
    rule = parse_rule("FREQ=MONTHLY;INTERVAL=2;COUNT=3;BYDAY=-1FR,MO;BYMONTHDAY=1,-2")
    assert rule == Rule("monthly", 2, 3, None, ((-1, 4), (None, 0)), (1, -2))


def test_parse_the_end():
    assert parse_rule("FREQ=DAILY;UNTIL=20240203") == Rule("daily", until=date(2024, 2, 3))


def test_parse_needs_a_known_frequency():
    for text in ("COUNT=3", "FREQ=HOURLY"):
        with pytest.raises(ValueError, match="no frequency"):
            parse_rule(text)


def test_parse_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="not known: BYHOUR"):
        parse_rule("FREQ=DAILY;BYHOUR=3")
    with pytest.raises(ValueError, match="'XX' is no weekday"):
        parse_rule("FREQ=WEEKLY;BYDAY=XX")
