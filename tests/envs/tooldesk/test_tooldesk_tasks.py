"""Generated tasks: named, varied, with customers of their own in each split, and proven."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import replace

import pytest

from agentrl.envs.text.tooldesk.calls import Call
from agentrl.envs.text.tooldesk.conversation import Conversation, DeskTask
from agentrl.envs.text.tooldesk.database import difference
from agentrl.envs.text.tooldesk.tasks import DOMAINS, SIZES, kind_of, load_task, proven, task_ids
from agentrl.errors import UnknownNameError

SAMPLE = [f"train/{domain}/{i}" for domain in DOMAINS for i in range(150)]


def test_ids() -> None:
    ids = task_ids("valid", ("retail", "airline"))
    assert list(ids[:3]) == ["valid/retail/0", "valid/airline/0", "valid/retail/1"]
    assert len(ids) == len(set(ids)) == 2 * SIZES["valid"]
    assert ids[-1] == "valid/airline/199"
    assert len(task_ids("train", ("airline",))) > 10_000


@pytest.mark.parametrize(
    "task_id",
    [
        "",
        "train",
        "train/retail",
        "train/retail/x",
        "train/bank/1",
        "dev/retail/1",
        "valid/retail/200",
        "valid/retail/01",
        "valid/retail/-1",
        "valid/retail/1/",
        "valid/retail/٣",
    ],
)
def test_other_ids_are_unknown(task_id: str) -> None:
    for call in (load_task, kind_of):
        with pytest.raises(UnknownNameError, match="task"):
            call(task_id)


def test_kinds_take_turns_and_name_the_main_goal() -> None:
    kinds = Counter(kind_of(task_id) for task_id in SAMPLE)
    assert set(kinds) == {f"{d.name}/{goal}" for d in DOMAINS.values() for goal in d.goals}
    assert max(kinds.values()) - min(kinds.values()) <= 5
    for task_id in SAMPLE:
        task = load_task(task_id)
        assert kind_of(task_id).partition("/")[2] in {wish.kind for wish in task.script.wishes if wish.allowed}


def test_the_goal_is_away_from_the_start_and_proven() -> None:
    assert all(difference(task.start, task.goal) > 0 and proven(task) for task in map(load_task, SAMPLE))


def test_wishes_vary() -> None:
    wishes = [wish for task_id in SAMPLE for wish in load_task(task_id).script.wishes]
    rules = {wish.rule for wish in wishes} - {""}
    assert len(rules) >= 12
    assert 0.1 < sum(not wish.allowed for wish in wishes) / len(wishes) < 0.4
    assert any(wish.asks for wish in wishes)
    assert any("No, wait." in answer for wish in wishes for answer in wish.answers.values())
    assert any(wish.text.startswith("I changed my mind. ") for wish in wishes)
    counts = Counter(len(load_task(task_id).script.wishes) for task_id in SAMPLE)
    assert {1, 2, 3} <= counts.keys()
    told = Counter(load_task(task_id).script.introduces for task_id in SAMPLE)
    assert min(told.values()) > len(SAMPLE) / 4


def test_what_the_user_means_is_never_in_doubt() -> None:
    """One flight with seats answers a search, one order holds an item, one variant has a colour."""
    for task in map(load_task, SAMPLE):
        conversation = Conversation.begin(task)
        for wish in task.script.wishes:
            for call in wish.calls:
                if call.tool == "search_flights":
                    free = re.findall(r" ([1-9]\d*) seats", conversation.call(call))
                    assert len(free) == (wish.rule != "seats")
        if task.domain.name == "retail":
            owned = (
                "SELECT product FROM orders JOIN lines ON orders.id = order_id JOIN items ON item = items.id "
                "JOIN users ON user = users.id WHERE name = ?"
            )
            products = [row[0] for row in conversation.db.execute(owned, (task.script.name,))]
            assert len(products) == len(set(products))
            repeated = "SELECT 1 FROM items GROUP BY product, variant HAVING COUNT(*) > 1"
            assert not conversation.db.execute(repeated).fetchall()


def test_each_split_has_customers_of_its_own() -> None:
    def customers(split: str) -> set[str]:
        return {load_task(f"{split}/{domain}/{i}").script.name for domain in DOMAINS for i in range(150)}

    train, valid, test = customers("train"), customers("valid"), customers("test")
    assert train.isdisjoint(valid | test)
    assert valid.isdisjoint(test)
    assert min(len(train), len(valid), len(test)) > 30


def test_the_same_id_is_the_same_task() -> None:
    first = load_task("train/retail/3")
    load_task.cache_clear()
    again = load_task("train/retail/3")
    assert first is not again
    assert (first.script, first.image, first.goal) == (again.script, again.image, again.goal)


def _task_with(rule: str) -> DeskTask:
    return next(t for t in map(load_task, SAMPLE) if any(wish.rule == rule for wish in t.script.wishes))


def test_a_task_whose_trap_is_none_is_not_proven() -> None:
    task = _task_with("cabin-up")
    wishes = [
        replace(wish, forbidden=Call("change_cabin", {**wish.forbidden.arguments, "cabin": "business"}))
        if wish.rule == "cabin-up" and wish.forbidden
        else wish
        for wish in task.script.wishes
    ]
    assert proven(task)
    assert not proven(replace(task, script=replace(task.script, wishes=tuple(wishes))))


def test_a_task_that_nobody_can_solve_or_that_is_solved_is_not_proven() -> None:
    task = load_task("train/retail/0")
    assert not proven(replace(task, goal=task.start))
    users = {key: (*row[:-1], "nowhere") for key, row in task.goal["users"].items()}
    assert not proven(replace(task, goal={**task.goal, "users": users}))


def test_state_is_compared_by_content_not_by_order() -> None:
    task = next(
        t for t in map(load_task, SAMPLE) if t.domain.name == "retail" and sum(w.allowed for w in t.script.wishes) > 1
        and len({w.kind for w in t.script.wishes}) == len(t.script.wishes)
    )  # fmt: skip
    deeds = [call for wish in task.script.wishes for call in wish.calls if task.domain.tools[call.tool].writes]
    for order in (deeds, deeds[::-1]):
        conversation = Conversation.begin(task)
        conversation.call(Call("find_user", {"name": task.script.name, "pin": task.script.pin}))
        for deed in order:
            conversation.call(deed)
        assert task.domain.comparison.contents(conversation.db) == task.goal


def test_difference_counts_cells() -> None:
    a = {"t": {(1,): ("x", 1), (2,): ("y", 2)}}
    assert difference(a, {"t": {(1,): ("x", 5), (2,): ("z", 3)}}) == 3
    assert difference(a, {"t": {(1,): ("x", 1)}}) == 3  # a row of two cells and its key
    assert difference(a, a) == 0


def test_a_thousand_tasks_take_seconds() -> None:
    load_task("train/retail/0")
    start = time.process_time()
    for i in range(1000, 1100):
        load_task(f"train/retail/{i}")
    assert time.process_time() - start < 5  # an idle core takes 0.3 s
