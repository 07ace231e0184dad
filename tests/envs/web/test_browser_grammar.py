"""Actions are read, never evaluated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.properties import HOSTILE
from agentrl.envs.web.browser.grammar import Call, parse, signature
from agentrl.envs.web.browser.hands import HANDS
from agentrl.errors import ActionError


@pytest.mark.parametrize(
    ("action", "name", "arguments"),
    [
        ("click('a12')", "click", {"bid": "a12"}),
        (' click("a12", button="right") ', "click", {"bid": "a12", "button": "right"}),
        ("click('a1', modifiers=['Shift'])", "click", {"bid": "a1", "modifiers": ["Shift"]}),
        ("fill('b3', 'it\\'s \\n fine')", "fill", {"bid": "b3", "value": "it's \n fine"}),
        ("select_option('c', ['x', 'y'])", "select_option", {"bid": "c", "options": ["x", "y"]}),
        ("mouse_click(3, -4.5)", "mouse_click", {"x": 3, "y": -4.5}),
        ("tab_focus(index=1)", "tab_focus", {"index": 1}),
        ("noop()", "noop", {}),
    ],
)
def test_calls(action: str, name: str, arguments: dict[str, object]) -> None:
    assert parse(action, HANDS) == Call(name, arguments)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("clack('a1')", "no action clack; did you mean click"),
        ("zzz()", "no action zzz; click, dblclick"),
        ("click()", r"use click\(bid, button='left', modifiers=\(\)\)"),
        ("click(12)", "bid=12 does not fit"),
        ("click('a', button='top')", "button='top' does not fit"),
        ("click('a', modifiers=['Hyper'])", "does not fit"),
        ("mouse_click('3', 4)", "x='3' does not fit"),
        ("mouse_click(True, 4)", "x=True does not fit"),
        ("mouse_click(1e9, 4)", "does not fit"),
        ("click(open('f').read())", "use click"),
        ("click(*['a'])", "use click"),
        ("click(**{'bid': 'a'})", "use click"),
        ("fill('a', f'{1}')", "use fill"),
        ("click('a'); click('b')", "one call"),
        ("session.click('a')", "one call"),
        ("click", "one call"),
        ("_press_mouse(1)", "no action"),
        ("noop(" * 500, "one call"),
        ("x" * 10_001, "at most 10000 characters"),
    ],
)
def test_what_is_no_action_is_told_the_form(action: str, message: str) -> None:
    with pytest.raises(ActionError, match=message):
        parse(action, HANDS)


@given(st.text() | st.sampled_from(HOSTILE) | st.text(alphabet="click('a1')[]{}:,=*\\\"0e9"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        call = parse(text, HANDS)
    except ActionError:
        return
    assert call.name in HANDS


def test_signatures_leave_the_session_out() -> None:
    assert signature("fill", HANDS["fill"]) == "fill(bid, value)"
    assert signature("noop", HANDS["noop"]) == "noop(wait_ms=1000)"
    assert all("session" not in signature(name, hand) for name, hand in HANDS.items())
