"""Every term of the rubric by hand, and how they add up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.text.travel.constraints import share
from agentrl.envs.text.travel.itinerary import arrange
from agentrl.envs.text.travel.plans import Entry
from agentrl.envs.text.travel.reasons import merits
from agentrl.envs.text.travel.request import TERMS, WISHES, Request
from agentrl.envs.text.travel.rubric import SCORES, niceness, scores, weights
from agentrl.envs.text.travel.tasks import load_task
from agentrl.envs.text.travel.world import DAYS as ALL_DAYS
from tests.envs.travel.town import DAY, DAYS, DIRECTION, HOTELS, LODGINGS, RIDES, SIGHTS, trip

DIRECT, CHANGE = ["flight 60"], ["flight 62", "train 63"]
VISITS = ["gallery 31", "park 20"]
CASES: list[tuple[str, Request, dict[str, int], list[str], float]] = [
    ("cost", DIRECTION, {"budget": 200}, DIRECT, 1),  # 100 left, 80 would do
    ("cost", DIRECTION, {"budget": 125}, DIRECT, 0.5),  # 25 left, of 50
    ("cost", DIRECTION, {"budget": 90}, DIRECT, 0),
    ("cost", SIGHTS, {"price_each": 20}, ["gallery 31", "castle 40"], 0.625),  # 30 of 40 spent, 10 left of 16
    ("cost", SIGHTS, {"price_each": 0}, ["park 20"], 1),
    ("time", DIRECTION, {}, DIRECT, 1),  # the quickest flight for 300 km takes 90 minutes
    ("time", DIRECTION, {}, CHANGE, 90 / (765 - 420)),
    ("time", RIDES, {}, ["train 61"], 90 / 195),
    ("time", DAYS, {"budget": 500}, ["flight 60 day 1", "train 71 day 2"], (1 + 90 / 195) / 2),
    ("early", DIRECTION, {"arrive_by": 720}, DIRECT, 0.5),
    ("early", DIRECTION, {"arrive_by": 1000}, DIRECT, 1),
    ("early", DIRECTION, {"arrive_by": 500}, DIRECT, 0),
    ("mode", DIRECTION, {}, CHANGE, 0.5),
    ("mode", DIRECTION, {}, ["train 61"], 1),
    ("direct", DIRECTION, {}, DIRECT, 1),
    ("direct", DIRECTION, {}, CHANGE, 0.5),
    ("near", SIGHTS, {}, VISITS, 1 - (15 + 30) / 2 / 90),
    ("near", LODGINGS, {}, ["villa 15"], 1),
    ("near", HOTELS, {}, ["inn 14"], 0.5),  # 45 minutes from gallery 31
    ("rating", SIGHTS, {}, VISITS, (0.75 + 1) / 2),
    ("rating", DAYS, {"budget": 500}, ["flight 60 day 1", "inn 14 day 1", "gallery 31 day 1"], (0.25 + 0.75) / 2),
    ("themes", DAY, {}, VISITS, 1),
    ("themes", DAY, {}, ["gallery 31"], 0.75),  # all of them liked, half of what is liked
    ("themes", DAY, {}, ["castle 40", "gallery 31"], 0.5),
    ("themes", DAY, {}, ["castle 40"], 0),
    ("slack", DAY, {}, ["park 20"], 120 / 180),
    ("slack", DAY, {}, VISITS, (1 + 75 / 180) / 2),  # over at 615, closes at 1020; over at 765, closes at 840
    ("comfort", DAY, {}, VISITS, 1 - 45 / 120),
    ("comfort", DAY, {}, ["gallery 31 by bus", "park 20 by bus"], 1),
    ("comfort", DAYS, {"budget": 500}, ["flight 60 day 1", "castle 40 day 1"], 1 - 30 / 240),
    ("pace", DAY, {}, VISITS, 2 / 3),
    ("pace", DAY, {}, [*VISITS, "market 41"], 1),
    ("pace", replace(DAY, pace=1), {}, [*VISITS, "market 41"], 0),
    ("reasons", LODGINGS, {}, ["inn 14", "reason price"], 1),
    ("reasons", LODGINGS, {}, ["villa 15", "reason stars"], 0.5),
    ("reasons", LODGINGS, {}, ["villa 15", "reason stars", "reason near"], 1),
    ("reasons", LODGINGS, {}, ["hotel 12", "reason near"], 0),
]


@pytest.mark.parametrize(("term", "request_", "limits", "texts", "score"), CASES)
def test_terms(term: str, request_: Request, limits: dict[str, int], texts: list[str], score: float) -> None:
    assert SCORES[term](trip(request_, *texts, **limits)) == pytest.approx(score)


def test_every_term_is_tested_and_can_be_wished_for() -> None:
    assert {term for term, *_ in CASES} == {*SCORES} == {term for terms in TERMS.values() for term in terms}
    assert {*WISHES} == {*SCORES} - {"reasons"}
    assert all(function.__doc__ for function in SCORES.values())


@pytest.mark.parametrize("request_", [DIRECTION, SIGHTS, HOTELS, LODGINGS, RIDES, DAY, DAYS], ids=lambda r: r.form)
def test_weights(request_: Request) -> None:
    found = weights(request_)
    assert tuple(found) == TERMS[request_.form]
    assert sum(found.values()) == pytest.approx(1)
    assert [found[wish] for wish in request_.wishes] == [0.4, 0.25]
    assert len({weight for term, weight in found.items() if term not in request_.wishes}) == 1


def test_the_terms_add_up() -> None:
    it = trip(replace(RIDES, wishes=("time", "early")), "train 61", "reason price", budget=50, arrive_by=735)
    assert scores(it) == {"cost": pytest.approx(0.5), "time": pytest.approx(90 / 195), "early": 0, "reasons": 1}
    assert niceness(it) == pytest.approx(0.175 * 0.5 + 0.4 * 90 / 195 + 0.175 * 1)


def test_what_is_true_of_an_option() -> None:
    assert merits(trip(LODGINGS, "villa 15")) == {"near", "stars"}
    assert merits(trip(LODGINGS, "hotel 12")) == set()
    assert merits(trip(RIDES, "flight 60")) == {"time", "early"}
    assert merits(trip(RIDES, "train 61")) == {"price"}
    assert merits(trip(RIDES)) == set()


def test_better_plans_score_higher() -> None:
    plans = (["castle 40"], ["gallery 31"], ["gallery 31", "market 41"], VISITS, ["park 20 by bus", "gallery 31"])
    worth = [niceness(trip(DAY, *plan)) for plan in plans]
    assert len(set(worth)) == len(worth)
    assert worth[0] < worth[1] < worth[3]


@given(st.sampled_from(["direction", "search", "compare", "day", "days"]), st.integers(0, 200), st.data())
def test_whatever_is_planned_is_graded_within_bounds(kind: str, number: int, data: st.DataObject) -> None:
    task = load_task(f"train/{kind}/{number}")
    names = st.sampled_from([*task.world.places, *task.world.rides])
    entry = st.builds(Entry, names, st.integers(0, ALL_DAYS[-1] + 1), st.booleans())
    plan = tuple(data.draw(st.lists(entry, max_size=8)))
    it = arrange(task.world, task.request, plan)
    assert 0 <= share(it) <= 1
    assert {0 <= score <= 1 for score in scores(it).values()} == {True}
    assert 0 <= niceness(it) <= 1 + 1e-9
    assert bool(plan) or share(it) == 0
