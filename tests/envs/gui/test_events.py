"""Actions of a desktop are read into events, never executed."""

from __future__ import annotations

import contextlib
import json
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentrl.envs.gui.desktop.actions import COMPUTER_13, WORDS, Action, parse
from agentrl.envs.gui.desktop.events import Button, Key, Move, MoveBy, Scroll, Text
from agentrl.envs.gui.desktop.hands import HANDS
from agentrl.envs.gui.desktop.keys import KEYSYMS
from agentrl.envs.properties import HOSTILE
from agentrl.errors import ActionError

SCREEN = (1280, 800)
DOWN, UP = Button("left", True), Button("left", False)
ENTER = (Key("Return", True), Key("Return", False))


@pytest.mark.parametrize(
    ("action", "events"),
    [
        ("pyautogui.click(100, 200)", [Move(100, 200), DOWN, UP]),
        ("pyautogui.click((100, 200))", [Move(100, 200), DOWN, UP]),
        ("pyautogui.click()", [DOWN, UP]),
        ("pyautogui.click(x=1, y=2.6, clicks=2, interval=0.1)", [Move(1, 3), DOWN, UP, DOWN, UP]),
        ("pyautogui.click(1, 2, button='right')", [Move(1, 2), Button("right", True), Button("right", False)]),
        ("pyautogui.rightClick(1, 2)", [Move(1, 2), Button("right", True), Button("right", False)]),
        ("pyautogui.middleClick(1, 2)", [Move(1, 2), Button("middle", True), Button("middle", False)]),
        ("pyautogui.doubleClick(1, 2)", [Move(1, 2), DOWN, UP, DOWN, UP]),
        ("pyautogui.tripleClick()", [DOWN, UP] * 3),
        ("pyautogui.moveTo(5, 6, duration=1, tween=pyautogui.easeInOutQuad)", [Move(5, 6)]),
        ("pyautogui.moveRel(-5, 6)", [MoveBy(-5, 6)]),
        ("pyautogui.move(0, 6)", [MoveBy(0, 6)]),
        ("pyautogui.dragTo(7, 8, button='left')", [DOWN, Move(7, 8), MoveBy(1, 0), Move(7, 8), UP]),
        ("pyautogui.dragRel(7, 8)", [DOWN, MoveBy(7, 8), MoveBy(1, 0), MoveBy(-1, 0), UP]),
        ("pyautogui.mouseDown(3, 4); pyautogui.mouseUp()", [Move(3, 4), DOWN, UP]),
        ("pyautogui.scroll(-3)", [Scroll(0, -3)]),
        ("pyautogui.vscroll(3, x=1, y=1)", [Move(1, 1), Scroll(0, 3)]),
        ("pyautogui.hscroll(2)", [Scroll(2, 0)]),
        ("import pyautogui\nimport time\ntime.sleep(2)\npyautogui.write('a b\\n')", [Text("a b"), *ENTER]),
        ("pyautogui.typewrite(['enter', 'a'])", [*ENTER, Key("a", True), Key("a", False)]),
        ("pyautogui.press('enter', presses=2)", [*ENTER, *ENTER]),
        ("pyautogui.press(['Enter'])", [*ENTER]),
        (
            "pyautogui.hotkey('ctrl', 's')",
            [Key("Control_L", True), Key("s", True), Key("s", False), Key("Control_L", False)],
        ),
        ("pyautogui.keyDown('shift'); pyautogui.keyUp('shift')", [Key("Shift_L", True), Key("Shift_L", False)]),
        ("```python\npyautogui.press('enter')\n```", [*ENTER]),
        ('{"action_type": "MOVE_TO", "parameters": {"x": 1, "y": 2}}', [Move(1, 2)]),
        ('{"action_type": "CLICK", "parameters": {"x": 1, "y": 2, "num_clicks": 2}}', [Move(1, 2), DOWN, UP, DOWN, UP]),
        ('{"action_type": "CLICK", "x": 1, "y": 2}', [Move(1, 2), DOWN, UP]),
        ('{"action_type": "CLICK"}', [DOWN, UP]),
        ('{"action_type": "MOUSE_DOWN", "parameters": {"button": "left"}}', [DOWN]),
        ('{"action_type": "MOUSE_UP"}', [UP]),
        (
            '{"action_type": "RIGHT_CLICK", "parameters": {"x": 1, "y": 2}}',
            [Move(1, 2), Button("right", True), Button("right", False)],
        ),
        ('{"action_type": "DOUBLE_CLICK"}', [DOWN, UP, DOWN, UP]),
        (
            '{"action_type": "DRAG_TO", "parameters": {"x": 1, "y": 2}}',
            [DOWN, Move(1, 2), MoveBy(1, 0), Move(1, 2), UP],
        ),
        ('{"action_type": "SCROLL", "parameters": {"dx": 1, "dy": -2}}', [Scroll(1, 0), Scroll(0, -2)]),
        ('{"action_type": "TYPING", "parameters": {"text": "hé"}}', [Text("hé")]),
        ('{"action_type": "PRESS", "parameters": {"key": "enter"}}', [*ENTER]),
        ('{"action_type": "KEY_DOWN", "parameters": {"key": "ctrl"}}', [Key("Control_L", True)]),
        ('{"action_type": "KEY_UP", "parameters": {"key": "ctrl"}}', [Key("Control_L", False)]),
        (
            '{"action_type": "HOTKEY", "parameters": {"keys": ["alt", "f4"]}}',
            [Key("Alt_L", True), Key("F4", True), Key("F4", False), Key("Alt_L", False)],
        ),
    ],
)
def test_actions_are_read(action: str, events: list[object]) -> None:
    assert parse(action, SCREEN) == Action(tuple(events))  # type: ignore[arg-type]


def test_a_sign_above_another_takes_shift() -> None:
    assert parse("pyautogui.press('?')", SCREEN).events == (
        Key("Shift_L", True),
        Key("question", True),
        Key("Shift_L", False),
        Key("Shift_L", True),
        Key("question", False),
        Key("Shift_L", False),
    )


@pytest.mark.parametrize("word", WORDS)
def test_words_are_read_in_both_forms(word: str) -> None:
    assert parse(word, SCREEN).word == parse(json.dumps({"action_type": word}), SCREEN).word == word


def test_elements_are_found_by_number() -> None:
    places = {12: (30, 40)}

    def locate(number: int) -> tuple[int, int]:
        if number not in places:
            raise ActionError(f"there is no element {number}")
        return places[number]

    assert parse("click(12); pyautogui.write('x')", SCREEN, locate).events == (Move(30, 40), DOWN, UP, Text("x"))
    assert parse("double_click(12)", SCREEN, locate).events == (Move(30, 40), DOWN, UP, DOWN, UP)
    with pytest.raises(ActionError, match="no element 13"):
        parse("click(13)", SCREEN, locate)
    with pytest.raises(ActionError, match="only calls of pyautogui"):
        parse("click(12)", SCREEN)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("", "an action is pyautogui code"),
        ("click the button", "an action is pyautogui code"),
        ("done", "'done' is not understood"),
        ("pyautogui.clik(1, 2)", "did you mean 'click'"),
        ("pyautogui.click(1280, 2)", "outside of the screen, which has 1280x800"),
        ("pyautogui.moveTo(-1, 2)", "outside"),
        ("pyautogui.click(1)", "a place is two numbers"),
        ("pyautogui.click('button.png')", r"use pyautogui.click\(x=None, y=None, clicks=1"),
        ("pyautogui.click(1, 2, button='up')", "'left', 'middle' or 'right'"),
        ("pyautogui.click(1, 2, clicks=True)", "clicks: Input should be a valid integer"),
        ("pyautogui.click(1, 2, times=3)", "times: Unexpected keyword"),
        ("pyautogui.click(*[1, 2])", "literal"),
        ("pyautogui.click(**{'x': 1})", "None: Unexpected keyword|literal"),
        ("pyautogui.write(open('/etc/passwd').read())", "literal"),
        ("pyautogui.press('entre')", "did you mean 'enter'"),
        ("pyautogui.press('a', presses=10**9)", "literal"),
        ("pyautogui.press('a', presses=1000000)", "less than or equal to 100"),
        ("pyautogui.write('\\x00')", "no key types"),
        ("import os", "'import os' is not understood"),
        ("import pyautogui as p; p.click()", "not understood"),
        ("__import__('os').system('true')", "not understood"),
        ("x = 3", "only calls of pyautogui"),
        ('{"action_type": "CLIK"}', "did you mean 'CLICK'"),
        ('{"action_type": "CLICK", "parameters": {"x": "1", "y": 2}}', "x: Input should be"),
        ('{"action_type": "DRAG_TO"}', r"x: Missing required argument; use DRAG_TO\(x, y\)"),
        ('{"action_type": "CLICK", "parameters": [1, 2]}', "action_type and parameters"),
        ('{"action_type": "CLICK", "parameters": {"x": 1, "y": 2}, "z": 1}', "action_type and parameters"),
        ('{"action_type": 3}', "action_type and parameters"),
        ('{"action_type": "CLICK"', "no JSON"),
        ("pyautogui.write('x')" * 1000, "at most 10000 characters"),
    ],
)
def test_what_is_no_action_says_what_would_be(action: str, message: str) -> None:
    with pytest.raises(ActionError, match=message):
        parse(action, SCREEN)


def test_an_action_is_bounded_in_events() -> None:
    with pytest.raises(ActionError, match="at most 10000 events"):
        parse("; ".join(["pyautogui.press(['a', 'b'], presses=100)"] * 200), SCREEN)


@given(st.one_of(st.text(), st.sampled_from(HOSTILE)))
@example("pyautogui.click(" + "(" * 500)
@example('{"a":' * 2000)
@example("[]")
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ActionError):
        assert isinstance(parse(text, SCREEN, lambda number: (0, 0)), Action)


TYPEABLE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zs", "Zl", "Zp", "Co", "Cn"]), max_size=30)


@given(TYPEABLE)
def test_what_is_written_is_typed(text: str) -> None:
    code = parse(f"pyautogui.write({text!r})", SCREEN)
    assert code == parse(json.dumps({"action_type": "TYPING", "parameters": {"text": text}}), SCREEN)
    assert "".join(event.text for event in code.events if isinstance(event, Text)) == text


@given(st.lists(st.sampled_from(sorted(KEYSYMS)), min_size=1, max_size=4))
def test_a_hotkey_leaves_no_key_down(keys: list[str]) -> None:
    down: dict[str, int] = {}
    for event in parse(json.dumps({"action_type": "HOTKEY", "parameters": {"keys": keys}}), SCREEN).events:
        assert isinstance(event, Key)
        down[event.name] = down.get(event.name, 0) + (1 if event.down else -1)
    assert set(down.values()) <= {0}


def test_all_that_can_be_typed_has_a_key() -> None:
    assert set(string.printable) - set("\x0b\x0c") <= set(KEYSYMS)


def test_all_actions_have_signatures_that_can_be_told() -> None:
    for name in HANDS:
        with pytest.raises(ActionError, match=rf"use pyautogui\.{name}\("):
            parse(f"pyautogui.{name}(nothing=object)", SCREEN)
    assert len(COMPUTER_13) == 13
