"""Checklists: the schema, and what contradicts itself."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentrl  # noqa: F401 - registers the environments
from agentrl.agents.judges.checklist import SaidCheck, StateCheck, ToolCheck, parse_checklist
from agentrl.errors import ConfigError


def item(name: str = "a", **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "focus_on": "assistant.tool_calls",
        "question": "Did it?",
        "pass_condition": "It did.",
        "failure_examples": ["It only said so."],
        "evidence": [{"turn": 0, "step": 1, "from": "tool.content", "snippet": "done"}],
        "required_for_next_turn": True,
        "dependence": [],
        "weight": 1.0,
    } | changes


def test_an_item_is_read_whole() -> None:
    ((parsed,),) = parse_checklist([[item(check={"tool": "find", "arguments": {"order": 3}})]], "task")
    assert (parsed.id, parsed.weight, parsed.required_for_next_turn) == ("a", 1.0, True)
    assert parsed.failure_examples == ("It only said so.",)
    assert (parsed.evidence[0].focus, parsed.evidence[0].step) == ("tool.content", 1)
    assert parsed.check == ToolCheck("find", {"order": 3})


@pytest.mark.parametrize(
    ("plain", "check"),
    [
        ({"said": "order 3"}, SaidCheck("order 3")),
        ({"state": {"paid": True}}, StateCheck({"paid": True})),
        (None, None),
    ],
)
def test_checks_are_told_apart_by_their_keys(plain: Any, check: Any) -> None:
    assert parse_checklist([[item(check=plain)]], "task")[0][0].check == check


@pytest.mark.parametrize("domain", ["retail", "airline"])
def test_the_checklists_of_tooldesk_are_ones(domain: str) -> None:
    env: Any = gym.make("ToolDesk-v0", domain=domain)
    for split in ("train", "test"):
        for task in list(env.tasks(split))[:20]:
            plain = env.reference(task)["checklist"]
            parsed = parse_checklist(plain, task)
            assert [[i.id for i in turn] for turn in parsed] == [[i["id"] for i in turn] for turn in plain]
            assert all(i.check is not None for turn in parsed for i in turn)


@pytest.mark.parametrize(
    ("plain", "complaint"),
    [
        ([], "is empty"),
        ({"items": []}, "all of it: Input should be a valid tuple"),
        ([[]], "user turn 0: the weights sum to 0"),
        ([[item()], [item(weight=0.5)]], "user turn 1: the weights sum to 0.5, not to 1"),
        ([[item(weight=0.0)]], "0.0.weight: .* greater than 0"),
        ([[item(weight=float("nan"))]], "0.0.weight"),
        ([[item(weight=2.0), item("b", weight=-1.0)]], "0.1.weight"),
        ([[item(weight=0.5), item(weight=0.5)]], "same id"),
        ([[item(focus_on="assistant")]], "0.0.focus_on"),
        ([[item(question="")]], "0.0.question"),
        ([[item(strict=True)]], "0.0.strict: .* got True"),
        ([[{**item(), "evidence": [{"turn": 0}]}]], "0.0.evidence.0.step"),
        ([[item(check={"tool": "find"})]], "0.0.check"),
        ([[item(check={"tool": "find", "arguments": {}, "said": "x"})]], "0.0.check"),
        ([[item(dependence=["b"])]], "item a depends on b, which is no item of this user turn"),
        ([[item("b")], [item(dependence=["b"])]], "user turn 1: item a depends on b, which is no item"),
        ([[item(dependence=["a"])]], "depend on each other: a → a"),
        (
            [[item(weight=0.5, dependence=["b"]), item("b", weight=0.5, focus_on="assistant.content.thinking")]],
            "item a depends on b, whose focus is no tool",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(plain: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=f"^task 7: .*{complaint}"):
        parse_checklist(plain, "task 7")


@given(st.data())
def test_dependences_may_be_any_graph_without_a_circle(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 8))
    names = data.draw(st.permutations([f"i{k}" for k in range(count)]))
    needs = {name: data.draw(st.sets(st.sampled_from(names[:k]))) if k else set() for k, name in enumerate(names)}
    items = [item(name, weight=1 / count, dependence=sorted(needs[name])) for name in sorted(names)]
    (parsed,) = parse_checklist([items], "task")
    assert {i.id: set(i.dependence) for i in parsed} == needs

    later = data.draw(st.sampled_from(names[1:]))
    chain, node = [later], later
    while needs[node]:
        node = min(needs[node])
        chain.append(node)
    needs[chain[-1]] = {later}
    closed = [i | {"dependence": sorted(needs[i["id"]])} for i in items]
    with pytest.raises(ConfigError, match="depend on each other"):
        parse_checklist([closed], "task")
