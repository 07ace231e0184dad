"""Errors survive the border between processes."""

from __future__ import annotations

import pickle

import pytest

from agentrl import errors
from agentrl.errors import AgentRLError

EXAMPLES = [
    errors.UnknownNameError("planet", "Eart", ["Earth", "Mars"]),
    errors.MissingExtraError("peft", "lora"),
    errors.CorruptFileError("model.safetensors", "missing"),
    *(kind("why") for kind in AgentRLError.__subclasses__() if "__init__" not in vars(kind)),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_after_pickling(error: AgentRLError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error) != ""
    assert vars(again) == vars(error)


def test_all_errors_are_tried() -> None:
    assert {type(error) for error in EXAMPLES} == set(AgentRLError.__subclasses__())
