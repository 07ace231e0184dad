"""Reference dialogues can be played again, and their checklists hold for them and for nothing less."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from agentrl.errors import UnknownNameError

ENV: Any = gym.make("ToolDesk-v0")
TASKS = [*ENV.tasks("train")[:80]]
FOCUS = {"assistant.tool_calls", "assistant.content.user_visible_reply"}


def infos(task: str, actions: Sequence[str]) -> list[list[Mapping[str, Any]]]:
    """What `info` said of each user turn's steps; the step that ends a turn belongs to it."""
    _, info = ENV.reset(options={"task": task})
    turns: list[list[Mapping[str, Any]]] = [[] for _ in ENV.reference(task)["checklist"]]
    for action in actions:
        turn = info["user_turn"]
        *_, terminated, truncated, info = ENV.step(action)
        if turn < len(turns):
            turns[turn].append(info)
        if terminated or truncated:
            break
    return turns


def holds(check: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> bool:
    """The meaning of a check, as `checklist.py` words it."""
    if "said" in check:
        pattern = re.compile(rf"(?<!\w){re.escape(check['said'])}(?!\w)", re.IGNORECASE)
        return any(pattern.search(info.get("said", "")) for info in steps)
    wanted = {"tool": check["tool"], "arguments": check["arguments"], "ok": True}
    return any(info.get("call") == wanted for info in steps)


def actions_of(reference: Mapping[str, Any]) -> list[str]:
    return [step["action"] for turn in reference["dialogue"]["turns"] for step in turn["steps"]]


def test_it_is_plain_json() -> None:
    found = ENV.reference("train/retail/0")
    assert json.loads(json.dumps(found)) == found
    with pytest.raises(UnknownNameError):
        ENV.reference("train/bank/0")


def test_the_dialogue_can_be_played_again() -> None:
    for task in TASKS[:40]:
        text, _ = ENV.reset(options={"task": task})
        for turn in ENV.reference(task)["dialogue"]["turns"]:
            assert text.endswith(f"User: {turn['user']}")
            for step in turn["steps"]:
                text, *_ = ENV.step(step["action"])
                assert text == step["output"]
        assert ENV.step("done[]")[4]["outcome"].solved


def test_the_schema_of_items() -> None:
    for task in TASKS:
        reference = ENV.reference(task)
        assert len(reference["checklist"]) == len(reference["dialogue"]["turns"])
        for number, (items, turn) in enumerate(
            zip(reference["checklist"], reference["dialogue"]["turns"], strict=True)
        ):
            ids = [item["id"] for item in items]
            assert len(set(ids)) == len(ids)
            assert sum(item["weight"] for item in items) == pytest.approx(1)
            assert any(item["required_for_next_turn"] for item in items)
            for place, item in enumerate(items):
                assert item["focus_on"] in FOCUS
                (evidence,) = item["evidence"]
                assert evidence["turn"] == number
                assert evidence["from"] == item["focus_on"]
                assert turn["steps"][evidence["step"]]["action"] == evidence["snippet"]
                assert set(item["dependence"]) <= set(ids[:place])  # so there is no cycle
                needed = [other for other in items if other["id"] in item["dependence"]]
                assert all(other["focus_on"] == "assistant.tool_calls" for other in needed)
                assert item["question"].endswith("?")
                assert item["pass_condition"]
                assert item["failure_examples"]


def test_checks_hold_for_the_reference_and_flip_at_the_step_of_their_evidence() -> None:
    for task in TASKS:
        reference = ENV.reference(task)
        turns = infos(task, actions_of(reference))
        for items, steps in zip(reference["checklist"], turns, strict=True):
            for item in items:
                step = item["evidence"][0]["step"]
                assert holds(item["check"], steps[: step + 1])
                assert not holds(item["check"], steps[:step]) or "said" in item["check"]


def test_checks_do_not_hold_for_an_agent_that_only_talks() -> None:
    for task in TASKS[:40]:
        reference = ENV.reference(task)
        turns = infos(task, ["say[That is done]"] * 6)
        assert not any(
            holds(item["check"], steps)
            for items, steps in zip(reference["checklist"], turns, strict=True)
            for item in items
        )


def test_the_expert_satisfies_what_is_required() -> None:
    required = satisfied = 0
    for task in TASKS:
        text, info = ENV.reset(options={"task": task})
        expert, checklist = ENV.demonstrator(), ENV.reference(task)["checklist"]
        turns: list[list[Mapping[str, Any]]] = [[] for _ in checklist]
        over = False
        while not over:
            turn = info["user_turn"]
            text, _, terminated, truncated, info = ENV.step(expert.act(text))
            over = terminated or truncated
            if turn < len(turns):
                turns[turn].append(info)
        for items, steps in zip(checklist, turns, strict=True):
            strict = [item for item in items if item["required_for_next_turn"]]
            required += len(strict)
            satisfied += sum(holds(item["check"], steps) for item in strict)
    assert satisfied == required > 100
