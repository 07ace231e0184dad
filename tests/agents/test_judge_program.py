"""The judge that is a program, and what all judges see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from agentrl.agents.judges.checklist import Item, SaidCheck, StateCheck, ToolCheck
from agentrl.agents.judges.programmatic import CheckJudge, holds
from agentrl.agents.judges.state import State
from agentrl.errors import ConfigError
from tests.fixtures.dialogues import called, lost, said, state


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([called("find", order=3)], True),
        ([called("find", order=3, verbose=True)], True),
        ([called("find", order=4), called("find", order=3), said("Hm.")], True),
        ([called("find", order=4)], False),
        ([called("find")], False),
        ([called("seek", order=3)], False),
        ([called("find", "error not found", ok=False, order=3)], False),
        ([lost("<think>find order 3</think>say what")], False),
        ([said("find order 3")], False),
        ([], False),
    ],
)
def test_a_tool_check_wants_a_successful_call_with_these_arguments(steps: Sequence[Any], expected: bool) -> None:
    check = ToolCheck("find", {"order": 3})
    assert holds(check, state(*steps)) is expected
    assert not holds(check, state(before=tuple(steps))), "what was done in an earlier user turn does not count"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Order 12 is cancelled.", True),
        ("ORDER 12!", True),
        ("(order 12)", True),
        ("Order 123 is cancelled.", False),
        ("Reorder 12.", False),
        ("Order number 12.", False),
    ],
)
def test_a_said_check_wants_whole_words(words: str, expected: bool) -> None:
    check = SaidCheck("order 12")
    assert holds(check, state(said("Yes."), said(words))) is expected
    assert not holds(check, state(called("note", text=words), lost(words)))
    assert not holds(check, state(said("Yes.", "User: order 12!")))


def test_punctuation_may_be_said() -> None:
    assert holds(SaidCheck("$5.00 (net)"), state(said("It is $5.00 (net).")))
    assert not holds(SaidCheck("$5.00"), state(said("It is $5400.")))


def test_a_state_check_reads_what_the_environment_tells() -> None:
    check = StateCheck({"paid": True, "cart": ["tent"]})
    assert holds(check, state(paid=True, cart=["tent"], other=1))
    assert not holds(check, state(paid=True, cart=[]))
    assert not holds(check, state(cart=["tent"]))


class Says:
    """Holds of every item whether its question ends so."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def verdicts(self, items: Sequence[Item], state: State) -> list[bool]:
        self.asked += [item.id for item in items]
        return [item.question.endswith("!") for item in items]


def test_items_without_a_check_go_to_another_judge_and_keep_their_order() -> None:
    def item(name: str, question: str, check: Any = None) -> Item:
        return Item(name, "tool.content", question, "yes", 0.25, check=check)

    items = [
        item("a", "Really!"),
        item("b", "What?", SaidCheck("yes")),
        item("c", "What?"),
        item("d", "What!", SaidCheck("no")),
    ]
    other = Says()
    verdicts = asyncio.run(CheckJudge(other).verdicts(items, state(said("Yes."))))
    assert verdicts == [True, True, False, False]
    assert other.asked == ["a", "c"]
    with pytest.raises(ConfigError, match="item a has no check"):
        asyncio.run(CheckJudge().verdicts(items, state(said("Yes."))))


def test_the_transcript_tells_what_was_seen_by_whom() -> None:
    before = (called("find", "order 3", thinking="Which one?", order=3), said("It is 3.", "User: Cancel it."))
    shown = state(called("cancel", "cancelled", order=3), lost("cancel it", "error format"), before=before)
    previous, current = ([json.loads(line) for line in part.splitlines()] for part in shown.transcript())
    assert previous == [
        {"role": "user", "content": "Hello, I am Finn."},
        {"role": "assistant", "thinking": "Which one?", "tool_call": {"name": "find", "arguments": {"order": 3}}},
        {"role": "tool", "content": "order 3"},
        {"role": "assistant", "user_visible_reply": "It is 3."},
    ]
    assert current == [
        {"role": "user", "content": "User: Cancel it."},
        {"role": "assistant", "tool_call": {"name": "cancel", "arguments": {"order": 3}}},
        {"role": "tool", "content": "cancelled"},
        {"role": "assistant", "action": "cancel it"},
        {"role": "tool", "content": "error format"},
    ]


def test_at_the_beginning_all_messages_are_current() -> None:
    previous, current = state(said("Hello.")).transcript()
    assert previous == ""
    assert json.loads(current.splitlines()[0]) == {"role": "user", "content": "Hello, I am Finn."}


@pytest.mark.parametrize(
    ("action", "thinking", "rest"),
    [
        ("<think>find order 3</think>\ndone[]", "find order 3", "done[]"),
        ("find order 3\n</think>\ndone[]", "find order 3", "done[]"),  # the template opened it
        ("done[]", "", "done[]"),
        ("<think>find order 3", "find order 3", ""),
    ],
)
def test_thinking_is_told_from_the_action(action: str, thinking: str, rest: str) -> None:
    step = lost(action)
    assert (step.thinking, step.action) == (thinking, rest)
