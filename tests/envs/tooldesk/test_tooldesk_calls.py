"""Actions as text: both forms of a call, speech, the end, and everything else."""

from __future__ import annotations

import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.text.tooldesk.calls import MAX_CHARS, Call, Done, Say, parse
from agentrl.envs.text.tooldesk.tools import ToolError


@pytest.mark.parametrize(
    "text",
    [
        'change_address({"order": "12", "address": "oak street 7"})',
        'change_address order=12 address="oak street 7"',
        'change_address order 12 address "oak street 7"',
        "  change_address order=12 address 'oak street 7'\n",
    ],
)
def test_all_forms_mean_the_same(text: str) -> None:
    assert parse(text) == Call("change_address", {"order": "12", "address": "oak street 7"})


def test_json_keeps_types() -> None:
    assert parse('t({"a": 1, "b": [2], "c": null})') == Call("t", {"a": 1, "b": [2], "c": None})
    assert parse("t()") == Call("t", {}) == parse("t")


def test_speech_and_end() -> None:
    assert parse("say[ Which [one]? ]") == Say("Which [one]?")
    assert parse("done[]") == Done()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "say[open",
        "done[] now",
        "t a",
        "t a=1 a=2",
        "t =1",
        't a="1',
        "t({)",
        "t([1])",
        "t(1)",
        "Hello, there!",
        "t a " + "1" * MAX_CHARS,
        "t(" + "[" * 1900 + ")",
        "'' a=1",
    ],
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ToolError) as caught:
        parse(text)
    assert caught.value.code == "format"


_NAMES = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)
_VALUES = st.text(string.ascii_lowercase + string.digits + " ", min_size=1, max_size=20)


@given(_NAMES, st.dictionaries(_NAMES, _VALUES, max_size=4))
def test_what_is_written_is_read(name: str, arguments: dict[str, str]) -> None:
    call = Call(name, arguments)
    assert parse(call.text()) == call


@given(st.text(max_size=60))
def test_any_text_is_an_action_or_a_format_error(text: str) -> None:
    with suppress(ToolError):  # whatever else is raised fails the test
        assert isinstance(parse(text), Call | Say | Done)
