"""Generated tasks: the same everywhere, with names of their own in each split, and always with a solution."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentrl.envs.text.travel.constraints import share
from agentrl.envs.text.travel.itinerary import arrange
from agentrl.envs.text.travel.kinds import KINDS
from agentrl.envs.text.travel.names import SPLITS, split_of
from agentrl.envs.text.travel.oracle import best_plan, worth
from agentrl.envs.text.travel.reading import read_request
from agentrl.envs.text.travel.rubric import niceness
from agentrl.envs.text.travel.tasks import SIZES, load_task, task_ids
from agentrl.errors import UnknownNameError

KIND, NUMBER = st.sampled_from([*KINDS]), st.integers(0, SIZES["train"] - 1)
SAMPLE = [f"{split}/{kind}/{i}" for split in SPLITS for kind in KINDS for i in range(30)]


def test_ids() -> None:
    ids = task_ids("valid", ("day", "search"))
    assert list(ids[:3]) == ["valid/day/0", "valid/search/0", "valid/day/1"]
    assert len(ids) == len({*ids}) == 2 * SIZES["valid"]


@pytest.mark.parametrize(
    "task_id",
    [
        "",
        "train",
        "train/day",
        "train/day/x",
        "dev/day/0",
        "train/trip/0",
        "valid/day/100",
        "valid/day/01",
        "test/day/-1",
    ],
)
def test_unknown_ids(task_id: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown task"):
        load_task(task_id)


@settings(deadline=None, max_examples=60)
@given(KIND, NUMBER)
def test_every_task_has_a_solution_and_the_empty_plan_is_none(kind: str, number: int) -> None:
    task = load_task(f"train/{kind}/{number}")
    assert task.request.kind == kind
    assert share(arrange(task.world, task.request, task.known)) == 1
    assert share(arrange(task.world, task.request, ())) == 0


@settings(deadline=None, max_examples=25)
@given(KIND, NUMBER)
def test_the_oracle_is_never_worse_than_the_known_plan_and_never_breaks_a_limit(kind: str, number: int) -> None:
    task = load_task(f"train/{kind}/{number}")
    holds, nice = worth(task, best_plan(task.task_id))
    assert holds == 1
    assert nice >= niceness(arrange(task.world, task.request, task.known))


def test_a_task_is_made_from_its_id_alone() -> None:
    first = [load_task(task_id) for task_id in SAMPLE[:5]]
    load_task.cache_clear()
    assert [load_task(task_id) for task_id in reversed(SAMPLE[:5])] == first[::-1]
    assert load_task("train/day/0") != load_task("train/day/1")


def test_no_name_occurs_in_two_splits() -> None:
    names: dict[str, set[str]] = {split: set() for split in SPLITS}
    for task_id in SAMPLE:
        world = load_task(task_id).world
        names[task_id.partition("/")[0]] |= {*world.cities, *world.places}
    for one, other in combinations(SPLITS, 2):
        assert not names[one] & names[other]
        assert {name.split()[0] for name in names[one]} == {name.split()[0] for name in names[other]}
    assert all(split_of(name) == split for split, known in names.items() for name in known)


def test_requests_read_as_they_were_meant() -> None:
    for task_id in SAMPLE:
        request = load_task(task_id).request
        asked = read_request(request.text())
        same = (asked.kind, asked.city, asked.first, asked.last, asked.options)
        assert same == (request.kind, request.city, request.first, request.last, request.options)
        assert asked.must == tuple(value for name, value in request.limits if name == "must")
        assert asked.liked == (request.themes or ("",))
        for name in ("budget", "stars", "sights", "number", "theme", "within"):
            value = request.limit(name)
            assert value is None or getattr(asked, name) == value


def test_tasks_are_varied() -> None:
    requests = [load_task(task_id).request for task_id in SAMPLE]
    assert len({request.text() for request in requests}) == len(requests)
    assert {request.form for request in requests if request.sort} == {
        "search/sight",
        "search/hotel",
        "compare/hotel",
        "compare/ride",
    }
    assert {request.last - request.first for request in requests if request.kind == "days"} == {1, 2}
    changes = Counter(len(best_plan(t)) for t in SAMPLE if "/direction/" in t)
    assert {*changes} == {1, 2}


def test_all_numbers_come_from_a_small_set() -> None:
    """So that a vocabulary of a thousand holds them."""
    text = " ".join(load_task(task_id).request.text() for task_id in SAMPLE)
    assert all(int(number) % 5 == 0 for number in re.findall(r"Pay at most (\d+)", text))
    assert all(int(time) % 100 in (0, 15, 30, 45) for time in re.findall(r"\b\d{4}\b", text))
