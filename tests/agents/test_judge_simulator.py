"""Simulated tools: as recorded, else by the model, else a typed error."""

from __future__ import annotations

import json
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
from agentrl.agents.judges.simulator import LLMToolSimulator, SimulatorError
from agentrl.envs.text.tooldesk import ToolSimulator
from agentrl.errors import InfraError
from tests.fixtures.chat_server import KEY, Asked, ChatServer, RefusalError, chat_server

SCHEMA = {"name": "get_order", "description": "Look.", "parameters": {"properties": {"order": {"type": "integer"}}}}
RECORDED = {"tool": "get_order", "arguments": {"order": 3}, "output": "a tent", "recorded": True}
EARLIER = {"tool": "get_order", "arguments": {"order": 4}, "output": "a lamp", "recorded": False}


def simulated(output: str = "a chair", *, fails: bool = False) -> dict[str, Any]:
    return {"analysis": "Order 5 is not known.", "fails": fails, "output": output}


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server(lambda asked: simulated()) as served:
        yield served


@pytest.fixture
def simulator(server: ChatServer, tmp_path: Path) -> Iterator[LLMToolSimulator]:
    chat = Chat(ChatOptions(server.url, "judge-1", KEY, retries=1, cache=tmp_path / "answers.sqlite"))
    yield LLMToolSimulator(chat)
    chat.close()


def test_a_recorded_call_is_replayed_and_only_that(server: ChatServer, simulator: LLMToolSimulator) -> None:
    history = [RECORDED, EARLIER]
    assert simulator.simulate("get_order", {"order": 3}, SCHEMA, history) == "a tent"
    assert not server.asked
    for number, (tool, arguments) in enumerate(
        [("get_order", {"order": 4}), ("get_order", {"order": 3, "more": 1}), ("see_order", {"order": 3})], 1
    ):
        assert simulator.simulate(tool, arguments, SCHEMA, history) == "a chair"
        assert len(server.asked) == number


def test_the_model_knows_schema_examples_and_what_was_called(server: ChatServer, simulator: LLMToolSimulator) -> None:
    simulator.simulate("get_order", {"order": 5}, SCHEMA, [RECORDED, EARLIER])
    (asked,) = server.asked
    schema, examples, earlier, call = (part.partition("\n")[2].strip() for part in asked.question.split("## ")[1:])
    assert json.loads(schema) == SCHEMA
    assert json.loads(examples) == {"tool": "get_order", "arguments": {"order": 3}, "output": "a tent"}
    assert json.loads(earlier) == {"tool": "get_order", "arguments": {"order": 4}, "output": "a lamp"}
    assert json.loads(call) == {"tool": "get_order", "arguments": {"order": 5}}


@pytest.mark.parametrize(
    ("said", "output"),
    [
        (simulated("a chair"), "a chair"),
        (simulated("no such order", fails=True), "error: no such order"),
        (simulated("error not_found: no such order", fails=True), "error not_found: no such order"),
    ],
)
def test_a_failed_call_is_told_by_its_beginning(
    server: ChatServer, simulator: LLMToolSimulator, said: Any, output: str
) -> None:
    server.answer = lambda asked: said
    assert simulator.simulate("get_order", {"order": 5}, SCHEMA, []) == output


def test_a_simulator_that_fails_is_an_infrastructure_error(server: ChatServer, simulator: LLMToolSimulator) -> None:
    def fail(asked: Asked) -> Any:
        raise RefusalError(500)

    server.answer = fail
    with pytest.raises(SimulatorError, match="no output of get_order"):
        simulator.simulate("get_order", {"order": 5}, SCHEMA, [])
    assert issubclass(SimulatorError, InfraError)


def test_tooldesk_plays_with_it(server: ChatServer, simulator: LLMToolSimulator) -> None:
    def count(asked: Asked) -> Any:
        return simulated(f"{asked.question.split('## Earlier')[1].count('output')} earlier")

    keeps_the_protocol: ToolSimulator = simulator
    server.answer = count
    env: Any = gym.make("ToolDesk-v0", tools="simulated", simulator=keeps_the_protocol)

    def play() -> list[str]:
        env.reset(options={"task": "train/retail/3"})
        actions = ["get_order order 7", "get_order order 7", *env.oracle()]
        return [env.step(action)[0] for action in actions]

    shown = play()
    assert shown[:2] == ["0 earlier", "1 earlier"]
    assert shown[2].startswith("regular user of")
    assert play() == shown
    assert len(server.asked) == 2
