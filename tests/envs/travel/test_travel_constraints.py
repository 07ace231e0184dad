"""Every hard constraint, with plans that hold it and plans that do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agentrl.envs.text.travel.constraints import CHECKS, held, share
from agentrl.envs.text.travel.request import Request
from tests.envs.travel.town import ARDA, DAY, DAYS, DIRECTION, HOTELS, KEST, LODGINGS, RIDES, SIGHTS, trip

TRIP = ["flight 60 day 1", "hotel 12 day 1", "gallery 31 day 2", "train 71 day 2"]
LONG = replace(DAYS, last=3)
CASES: list[tuple[str, Request, Any, list[str], bool]] = [
    ("possible", DAYS, True, TRIP, True),
    ("possible", DAYS, True, [*TRIP, "castle 40 day 2"], False),
    ("leave_after", DIRECTION, 480, ["flight 60"], True),
    ("leave_after", DIRECTION, 481, ["flight 60"], False),
    ("reach", DIRECTION, KEST, ["flight 62", "train 63"], True),
    ("reach", DIRECTION, KEST, ["flight 62"], False),
    ("reach", DIRECTION, ARDA, ["flight 62"], True),
    ("arrive_by", DIRECTION, 570, ["flight 60"], True),
    ("arrive_by", DIRECTION, 569, ["flight 60"], False),
    ("arrive_by", DIRECTION, 1000, ["flight 62"], False),  # it is not there at all
    ("arrive_by", RIDES, 735, ["train 61"], True),
    ("arrive_by", RIDES, 730, ["train 61"], False),
    ("budget", DAYS, 235, TRIP, True),
    ("budget", DAYS, 234, TRIP, False),
    ("budget", DAY, 15, ["gallery 31 by bus"], True),
    ("budget", DAY, 14, ["gallery 31 by bus"], False),
    ("number", SIGHTS, 2, ["park 20", "castle 40"], True),
    ("number", SIGHTS, 2, ["park 20"], False),
    ("number", SIGHTS, 1, ["park 20", "castle 40"], False),
    ("number", SIGHTS, 2, ["park 20", "inn 14"], False),
    ("number", SIGHTS, 1, ["museum 50"], False),  # in another city
    ("number", HOTELS, 1, ["inn 14"], True),
    ("number", HOTELS, 1, ["flight 60"], False),
    ("theme", SIGHTS, "nature", ["park 20"], True),
    ("theme", SIGHTS, "nature", ["park 20", "castle 40"], False),
    ("within", SIGHTS, 30, ["park 20", "gallery 31"], True),  # 30 and 15 minutes from hotel 12
    ("within", SIGHTS, 29, ["park 20", "gallery 31"], False),
    ("within", LODGINGS, 15, ["hotel 12"], True),  # from the centre
    ("within", LODGINGS, 15, ["inn 14"], False),
    ("price_each", SIGHTS, 20, ["park 20", "castle 40"], True),
    ("price_each", SIGHTS, 19, ["park 20", "castle 40"], False),
    ("open_on", SIGHTS, 3, ["park 20"], True),
    ("open_on", SIGHTS, 3, ["park 20", "gallery 31"], False),
    ("stars", HOTELS, 3, ["hotel 12", "villa 15"], True),
    ("stars", HOTELS, 3, ["hotel 12", "inn 14"], False),
    ("stars", DAYS, 3, TRIP, True),
    ("stars", DAYS, 4, TRIP, False),
    ("option", LODGINGS, LODGINGS.options, ["inn 14"], True),
    ("option", LODGINGS, LODGINGS.options, ["inn 14", "hotel 12"], False),
    ("option", LODGINGS, LODGINGS.options, ["park 20"], False),
    ("option", replace(RIDES, party=5), RIDES.options, ["flight 60"], False),  # full
    ("reasons", LODGINGS, 1, ["inn 14", "reason price"], True),
    ("reasons", LODGINGS, 1, ["inn 14"], False),
    ("reasons", LODGINGS, 1, ["reason price"], False),
    ("reasons", LODGINGS, 1, ["inn 14", "reason near"], False),
    ("reasons", LODGINGS, 1, ["inn 14", "reason price", "reason stars"], False),
    ("reasons", LODGINGS, 1, ["villa 15", "reason near", "reason stars"], True),
    ("reasons", RIDES, 1, ["flight 60", "reason time", "reason early"], True),
    ("reasons", RIDES, 1, ["flight 60", "reason price"], False),
    ("must", DAY, "park 20", ["gallery 31", "park 20"], True),
    ("must", DAY, "park 20", ["gallery 31"], False),
    ("must", DAYS, "park 20", ["park 20 day 1"], False),  # planned, but one is elsewhere
    ("sights", DAY, 2, ["gallery 31", "park 20"], True),
    ("sights", DAY, 3, ["gallery 31", "park 20"], False),
    ("back_by", DAY, 630, ["gallery 31"], True),  # over at 615, 15 minutes to hotel 12
    ("back_by", DAY, 629, ["gallery 31"], False),
    ("nights", DAYS, 1, TRIP, True),
    ("nights", LONG, 2, TRIP, False),
    ("nights", LONG, 2, ["flight 60 day 1", "hotel 12 day 1", "inn 14 day 2"], True),
    ("home_by", DAYS, 1095, TRIP, True),
    ("home_by", DAYS, 1094, TRIP, False),
    ("home_by", DAYS, 1439, TRIP[:3], False),
]


@pytest.mark.parametrize(("name", "request_", "value", "texts", "holds"), CASES)
def test_constraints(name: str, request_: Request, value: Any, texts: list[str], holds: bool) -> None:
    assert held(trip(request_, *texts, **{name: value})) == [holds]


def test_every_constraint_is_tested_both_ways() -> None:
    assert {(name, holds) for name, *_, holds in CASES} == {(name, holds) for name in CHECKS for holds in (True, False)}


@pytest.mark.parametrize(("name", "value"), {name: value for name, _, value, *_ in CASES}.items())
def test_an_empty_plan_holds_nothing(name: str, value: Any) -> None:
    request = next(request for known, request, *_ in CASES if known == name)
    assert held(trip(request, **{name: value})) == [False]


def test_the_share_counts_each() -> None:
    limits = (("possible", True), ("must", "park 20"), ("must", "gallery 31"), ("budget", 5))
    request = replace(DAY, limits=limits)
    assert held(trip(request, "gallery 31")) == [True, False, True, False]
    assert share(trip(request, "gallery 31")) == 0.5
    assert share(trip(request)) == 0
