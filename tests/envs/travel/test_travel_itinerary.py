"""When the entries of a plan happen, what they cost, and what is wrong with them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agentrl.envs.text.travel.itinerary import Itinerary
from agentrl.envs.text.travel.plans import Entry, parse_entry
from agentrl.envs.text.travel.report import whole
from agentrl.envs.text.travel.request import Request
from tests.envs.travel.town import DAY, DAYS, DIRECTION, LODGINGS, RIDES, SIGHTS, trip


def stops(it: Itinerary) -> list[tuple[str, int, int, int, str]]:
    return [(stop.entry.name, stop.start, stop.end, stop.cost, stop.problem) for stop in it.stops]


@pytest.mark.parametrize(
    ("text", "day", "entry"),
    [
        ("flight 31 day 2", None, Entry("flight 31", 2)),
        ("flight 31", 4, Entry("flight 31", 4)),
        ("park 20 day 2 by bus", None, Entry("park 20", 2, True)),
        ("park 20 by bus", 1, Entry("park 20", 1, True)),
        ("reason price", None, Entry("reason price")),
        ("flight 31", None, None),
        ("reason price day 2", 1, None),
        ("reason price by bus", 1, None),
        ("flight", 1, None),
        ("flight 311", 1, None),
        ("flight 31 day 12", 1, None),
        ("flight 31 day 2 by car", 1, None),
        ("", 1, None),
    ],
)
def test_entries(text: str, day: int | None, entry: Entry | None) -> None:
    assert parse_entry(text, day) == entry
    if entry:
        assert parse_entry(entry.text(), day) == entry


def test_a_day() -> None:
    it = trip(DAY, "gallery 31", "park 20", "market 41 by bus")
    assert stops(it) == [
        ("gallery 31", 555, 615, 10, ""),  # 15 minutes from hotel 12, where the day begins at 9
        ("park 20", 645, 765, 0, ""),  # 30 minutes on
        ("market 41", 780, 825, 5 + 5, ""),  # 15 by bus for a fare of 5; it opens at 780
    ]
    assert (it.cost, it.walked, it.back) == (20, 45, 825 + 30)


def test_several_days() -> None:
    it = trip(DAYS, "flight 60 day 1", "hotel 12 day 1", "castle 40 day 1", "gallery 31 day 2", "train 71 day 2")
    assert stops(it) == [
        ("flight 60", 480, 570, 100, ""),
        ("castle 40", 600, 690, 20, ""),
        ("hotel 12", 0, 0, 80, ""),  # the night comes last
        ("gallery 31", 540, 600, 10, ""),  # from hotel 12 at 420; it opens at 540
        ("train 71", 900, 1095, 45, ""),
    ]
    assert it.cost == 255
    assert it.walked == 30 + 30 + 15 + 30  # to the castle, to the hotel, to the gallery, to the station


@pytest.mark.parametrize(
    ("request_", "texts", "problem"),
    [
        (DAYS, ["train 71 day 1"], "elsewhere"),
        (DAYS, ["gallery 31 day 1"], "elsewhere"),
        (DAYS, ["hotel 12 day 1"], "elsewhere"),
        (DAYS, ["flight 60 day 2"], "full"),
        (replace(DAYS, starts=481), ["flight 60 day 1"], "missed"),
        (DAYS, ["train 61 day 1", "gallery 31 day 1", "castle 40 day 1", "train 71 day 1"], "missed"),
        (DAYS, ["flight 60 day 1", "castle 40 day 2"], "closed"),
        (DAYS, ["train 61 day 1", "park 20 day 1"], "late"),  # there at 780, closes at 840
        (DAYS, ["flight 60 day 1", "gallery 31 day 1", "gallery 31 day 2"], "twice"),
        (DAYS, ["flight 60 day 1", "hotel 12 day 1", "inn 14 day 1"], "twice"),
        (DAYS, ["flight 60 day 1", "hotel 12 day 2"], "no night"),
        (DAYS, ["flight 60 day 3"], "wrong day"),
        (DAYS, ["flight 60 day 0"], "wrong day"),
        (SIGHTS, ["park 20 day 2"], "wrong day"),
        (SIGHTS, ["park 20 day 0"], "wrong day"),
        (replace(RIDES, party=5), ["flight 60"], "full"),
    ],
)
def test_problems(request_: Request, texts: list[str], problem: str) -> None:
    it = trip(request_, *texts)
    bad = [stop for stop in it.stops if stop.problem]
    assert [(stop.entry.name, stop.problem) for stop in bad] == [(" ".join(texts[-1].split()[:2]), problem)]
    assert all((stop.cost, stop.start, stop.end) == (0, 0, 0) for stop in bad)
    assert not {stop.entry for stop in bad} & {stop.entry for stop in it.good}


def test_just_in_time() -> None:
    assert not trip(replace(DAYS, starts=480), "flight 60 day 1").stops[0].problem
    assert trip(DAYS, "flight 60 day 1", "park 20 day 1").stops[1].start == 615  # 45 minutes from the centre
    assert not trip(DAYS, "train 61 day 1", "gallery 31 day 1", "train 71 day 1").stops[2].problem  # 735+30+60+30 < 900


def test_days_come_in_order_and_entries_in_the_order_in_which_they_were_planned() -> None:
    it = trip(DAYS, "park 20 day 2", "market 41 day 1", "flight 60 day 1")
    assert [(stop.entry.name, stop.problem) for stop in it.stops] == [
        ("market 41", "elsewhere"),
        ("flight 60", ""),
        ("park 20", ""),
    ]


def test_choices_have_no_way_between_them() -> None:
    it = trip(SIGHTS, "park 20", "castle 40")
    assert stops(it) == [("park 20", 0, 0, 0, ""), ("castle 40", 0, 0, 20, "")]
    it = trip(LODGINGS, "inn 14", "reason price", "reason near")
    assert (it.cost, it.reasons, [stop.entry.name for stop in it.good]) == (50, ["price", "near"], ["inn 14"])


def test_in_words() -> None:
    assert whole(trip(DIRECTION)) == "the plan is empty"
    it = trip(DAY, "gallery 31", "market 41 by bus", "castle 40 day 2", back_by=900)
    assert whole(it).splitlines() == [
        "gallery 31 day 1 0915 to 1015 price 10",
        "market 41 day 1 by bus 1300 to 1345 price 10",
        "castle 40 day 2 problem wrong day",
        "cost 20 back 1415 problems 1",
    ]
    assert whole(trip(LODGINGS, "inn 14", "reason price")).splitlines() == [
        "inn 14 day 1 price 50",
        "reason price",
        "cost 50",
    ]
