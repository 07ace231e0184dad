"""Errors survive the border between processes."""

from __future__ import annotations

import pickle

import pytest

from agentrl import errors
from agentrl.envs.swe.statements import LeakError
from agentrl.envs.swe.workspace import UnreadableError
from agentrl.envs.text.alfworld.oracle import NoPlanError
from agentrl.envs.text.textworld.oracle import NoSolutionError
from agentrl.errors import AgentRLError

EXAMPLES = [
    errors.UnknownNameError("planet", "Eart", ["Earth", "Mars"]),
    errors.MissingExtraError("peft", "lora"),
    errors.CorruptFileError("model.safetensors", "missing"),
    errors.ConfigError("why"),
    errors.UnsupportedGameError("why"),
    errors.UnsupportedTaskError("why"),
    errors.ActionError("why"),
    errors.InfraError("why"),
    errors.SandboxError("oom_killed", "why"),
    errors.RunStoppedError("why"),
    LeakError("why"),
    UnreadableError("why"),
    NoPlanError("why"),
    NoSolutionError("why"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_after_pickling(error: AgentRLError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error) != ""
    assert vars(again) == vars(error)


def test_all_errors_are_tried() -> None:
    assert {type(error) for error in EXAMPLES} >= set(AgentRLError.__subclasses__())
