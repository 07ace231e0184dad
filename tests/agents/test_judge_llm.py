"""The judge that is a language model, on a server whose model can read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from tests.conftest import require

for component in ("openai", "fastapi", "uvicorn"):
    require(component)

from agentrl.agents.judges.chat import Chat, ChatOptions
from agentrl.agents.judges.checklist import Evidence, Item
from agentrl.agents.judges.llm import JudgeError, LLMJudge
from agentrl.agents.judges.monitor import ChecklistMonitor
from agentrl.agents.judges.programmatic import CheckJudge
from agentrl.agents.judges.state import Judge
from agentrl.errors import InfraError
from agentrl.types import Task
from tests.fixtures.chat_server import KEY, Asked, ChatServer, RefusalError, chat_server
from tests.fixtures.dialogues import called, said, state, watch

ITEM = Item(
    "cancel",
    "assistant.tool_calls",
    "Did the assistant cancel order 3?",
    "A call of cancel for order 3.",
    0.5,
    failure_examples=("Another order.", "It is only announced."),
    evidence=(Evidence(0, 2, "assistant.tool_calls", "cancel order 3"),),
)
OTHER = Item("tell", "assistant.content.user_visible_reply", "Did it say so?", "It did.", 0.5)


def verdict(answer: bool = True, *, focus: bool = True, passed: bool = True, failures: Any = (False, False)) -> Any:
    def finding(holds: bool) -> dict[str, Any]:
        return {"analysis": "I looked.", "holds": holds}

    return {
        "restatement": "Was it cancelled?",
        "focus_present": finding(focus),
        "pass_condition": finding(passed),
        "failure_examples": [finding(f) for f in failures],
        "answer": answer,
    }


def sections(asked: Asked) -> dict[str, str]:
    parts = re.split(r"^## (.+)\n", asked.question, flags=re.MULTILINE)
    return {title: text.strip() for title, text in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server(lambda asked: verdict()) as served:
        yield served


@pytest.fixture
def judge(server: ChatServer, tmp_path: Path) -> Iterator[LLMJudge]:
    chat = Chat(ChatOptions(server.url, "judge-1", KEY, retries=1, cache=tmp_path / "answers.sqlite"))
    yield LLMJudge(chat)
    chat.close()


def judged(judge: Judge, *items: Item, **info: Any) -> list[bool]:
    shown = state(called("cancel", thinking="Order 3?", order=3), before=(said("Hello."),), **info)
    return asyncio.run(judge.verdicts(items, shown))


def test_a_question_holds_all_that_is_known_of_its_item(server: ChatServer, judge: LLMJudge) -> None:
    assert judged(judge, ITEM) == [True]
    (asked,) = server.asked
    told = sections(asked)
    assert told["Previous messages"].splitlines() == [
        '{"role": "user", "content": "Hello, I am Finn."}',
        '{"role": "assistant", "user_visible_reply": "Hello."}',
    ]
    assert told["Current messages"].splitlines() == [
        '{"role": "user", "content": "User: Thanks."}',
        '{"role": "assistant", "thinking": "Order 3?", "tool_call": {"name": "cancel", "arguments": {"order": 3}}}',
        '{"role": "tool", "content": "found"}',
    ]
    assert (told["Question"], told["Pass condition"]) == (ITEM.question, ITEM.pass_condition)
    assert told["Failure examples"] == "1. Another order.\n2. It is only announced."
    assert (told["Focus on"], told["Reference"]) == ("assistant.tool_calls", "cancel order 3")
    rules = asked.messages[0].text
    assert "only in `thinking` was not made: it is invalid" in rules
    assert "the output of a tool is an error, the latest call before it is invalid" in rules


@pytest.mark.parametrize(
    ("said", "satisfied"),
    [
        (verdict(), True),
        (verdict(False), False),
        (verdict(focus=False), False),
        (verdict(passed=False), False),
        (verdict(failures=(False, True)), False),
        (verdict(False, focus=False, passed=False, failures=(True, True)), False),
    ],
)
def test_an_answer_that_the_findings_contradict_is_a_no(
    server: ChatServer, judge: LLMJudge, said: Any, satisfied: bool
) -> None:
    server.answer = lambda asked: said
    assert judged(judge, ITEM) == [satisfied]


@pytest.mark.parametrize("failures", [(), (False,), (False, False, False)])
def test_every_failure_example_has_to_be_looked_at(server: ChatServer, judge: LLMJudge, failures: Any) -> None:
    server.answer = lambda asked: verdict(failures=failures)
    with pytest.raises(JudgeError, match=r"no verdict on checklist item cancel: .*failure_examples"):
        judged(judge, ITEM)
    assert len(server.asked) == 2


def test_items_are_asked_one_by_one_and_answered_in_order(server: ChatServer, judge: LLMJudge) -> None:
    def answer(asked: Asked) -> Any:
        mine = sections(asked)["Question"] == ITEM.question
        return verdict(mine, failures=(False, False) if mine else ())

    server.answer, server.latency_s = answer, 0.05
    assert judged(judge, OTHER, ITEM, OTHER) == [False, True, False]
    assert (len(server.asked), server.most) == (2, 2)


def test_what_the_environment_keeps_to_itself_is_not_shown(server: ChatServer, judge: LLMJudge) -> None:
    assert judged(judge, ITEM, goal="the secret") == [True]
    assert "secret" not in server.asked[0].question


def test_no_verdict_is_an_infrastructure_error(server: ChatServer, judge: LLMJudge) -> None:
    def fail(asked: Asked) -> Any:
        raise RefusalError(500)

    server.answer = fail
    with pytest.raises(JudgeError, match="no verdict on checklist item"):
        judged(judge, ITEM, OTHER)
    assert issubclass(JudgeError, InfraError)


def reading(asked: Asked) -> Any:
    """A model that reads: the reference, made in the current messages, and not answered by an error."""
    told = sections(asked)
    lines = told["Current messages"].splitlines()
    pairs = list(zip(lines[1::2], lines[2::2], strict=True))

    def done(mine: str, reply: str) -> bool:
        if told["Focus on"] != "assistant.tool_calls":
            return told["Reference"].removeprefix("say[").removesuffix("]") in mine
        name, *words = told["Reference"].replace('"', "").split()
        values = [w for w in words if f'"{w}"' not in mine]  # keys stand in quotes
        return f'"name": "{name}"' in mine and all(v in mine for v in values) and '"content": "error' not in reply

    passed = any(done(mine, reply) for mine, reply in pairs)
    count = told["Failure examples"].count("\n") + 1
    return verdict(passed, passed=passed, failures=(False,) * count)


def test_model_and_program_agree_on_dialogues_of_tooldesk(server: ChatServer, judge: LLMJudge) -> None:
    server.answer = reading
    env: Any = gym.make("ToolDesk-v0")
    for task_id in list(env.tasks("train"))[:4]:
        task = Task("ToolDesk-v0", task_id, reference=env.reference(task_id))
        by_model, by_program = (
            asyncio.run(watch(env, task, ChecklistMonitor(j, task), first=["find_user name nobody pin 1"]))
            for j in (judge, CheckJudge())
        )
        assert by_model == by_program
        assert any(value for turn in by_model for channel, value in turn.rewards.items() if "/" in channel)
