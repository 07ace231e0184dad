"""Simulated tools: recorded calls as recorded, others by the simulator, and success by the calls that were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from agentrl.envs.text.tooldesk import UnrecordedCallError
from agentrl.envs.text.tooldesk.tasks import load_task
from agentrl.errors import InfraError

TASK = "train/retail/3"


class Echo:
    """Answers with the number of examples and of calls so far."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.schemas: list[Mapping[str, Any]] = []

    def simulate(
        self, tool: str, arguments: Mapping[str, Any], schema: Mapping[str, Any], history: Sequence[Mapping[str, Any]]
    ) -> str:
        self.schemas.append(schema)
        recorded = sum(made["recorded"] for made in history)
        return f"{self.prefix}{tool} {arguments} after {recorded} and {len(history) - recorded}"


def begin(**kwargs: Any) -> Any:
    env = gym.make("ToolDesk-v0", tools="simulated", **kwargs)
    env.reset(options={"task": TASK})
    return env


def test_recorded_calls_are_answered_as_recorded_and_solve_the_task() -> None:
    env, live = begin(), gym.make("ToolDesk-v0")
    live.reset(options={"task": TASK})
    total = 0.0
    for action in list(env.get_wrapper_attr("oracle")()):
        answer, expected = env.step(action), live.step(action)
        assert answer[0] == expected[0]
        total += answer[4]["rewards"]["progress"]
    assert answer[4]["outcome"].solved
    assert total == pytest.approx(1)


def test_an_unrecorded_call_is_an_infrastructure_error() -> None:
    assert issubclass(UnrecordedCallError, InfraError)
    with pytest.raises(UnrecordedCallError, match="get_product"):
        begin().step("get_product product rug")


def test_a_call_that_does_not_fit_its_schema_is_no_matter_for_the_simulator() -> None:
    text, *_, info = begin().step("get_product item rug")
    assert text.startswith("error schema")
    assert info["outcome"].status == "invalid_action"


def test_the_simulator_sees_schema_examples_and_history() -> None:
    simulator = Echo()
    env = begin(simulator=simulator)
    assert env.unwrapped.blocking
    recorded = len(
        [1 for turn in env.unwrapped.reference(TASK)["dialogue"]["turns"] for s in turn["steps"] if "tool" in s]
    )
    assert env.step("get_product product rug")[0] == f"get_product {{'product': 'rug'}} after {recorded} and 0"
    assert env.step("get_product product mug")[0].endswith(f"after {recorded} and 1")
    assert simulator.schemas[0] == load_task(TASK).domain.tools["get_product"].schema


def test_a_simulated_error_is_no_deed() -> None:
    env = begin(simulator=Echo("error: "))
    *_, info = env.step('change_home address "oak street 99"')
    assert info["call"]["ok"] is False
    assert info["rewards"]["progress"] == 0


def test_a_transfer_needs_no_simulator() -> None:
    *_, info = begin().step("transfer reason unclear")
    assert info["outcome"].status == "terminated"


def test_a_wrong_deed_spoils_success() -> None:
    env = begin(simulator=Echo())
    *_, info = env.step('change_home address "oak street 99"')
    assert info["rewards"]["progress"] < 0
    for action in list(env.get_wrapper_attr("oracle")()):
        *_, info = env.step(action)
    assert info["outcome"].status == "terminated"
    assert not info["outcome"].solved
