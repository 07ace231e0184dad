"""Actions as OSWorld has them: pyautogui code or a `computer_13` dictionary. Read, never executed.

    pyautogui.click(100, 200); pyautogui.write('x')
    {"action_type": "CLICK", "parameters": {"x": 100, "y": 200}}
    WAIT, DONE, FAIL
    click(12)

The last form, with `double_click`, `right_click` and `move_to`, names an element by its number in the tree that the
agent was shown; it stands among the statements of pyautogui code.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import ValidationError

from agentrl.envs.gui.desktop import hands
from agentrl.envs.gui.desktop.events import Event, MouseButton, Move
from agentrl.envs.gui.desktop.hands import HANDS, Hand
from agentrl.errors import ActionError, UnknownNameError

Word = Literal["WAIT", "DONE", "FAIL"]
WORDS: tuple[Word, ...] = get_args(Word)
MAX_CHARS = 10_000
"""Of one action."""
MAX_EVENTS = 10_000
ELEMENT_HANDS = {"click": "click", "double_click": "doubleClick", "right_click": "rightClick", "move_to": "moveTo"}
"""What can be done to an element, and the function of pyautogui that does it at its centre."""
Locate = Callable[[int], tuple[int, int]]
"""Centre of the element with that number, in pixels; raises `ActionError` where there is none."""


@dataclass(frozen=True, slots=True)
class Action:
    """What an agent does in one turn."""

    events: tuple[Event, ...]
    word: Word | None = None
    """Set where the action is a word alone; then there are no events."""


def parse(action: str, screen: tuple[int, int], locate: Locate | None = None) -> Action:
    """Read one action.

    Args:
        screen: width and height in pixels; places outside are refused.
        locate: finds elements by number; None where the agent is shown no numbers.

    Raises:
        ActionError: it is in none of the forms; the message says what would be.
    """
    text = re.sub(r"^```\w*\n(.*)\n```$", r"\1", action.strip(), flags=re.DOTALL)
    if len(text) > MAX_CHARS:
        raise ActionError(f"an action has at most {MAX_CHARS} characters")
    if text in WORDS:
        return Action((), text)
    if text.startswith("{"):
        name, parameters = _dictionary(text)
        if name in WORDS and not parameters:
            return Action((), name)
        source = _computer_13(name, parameters)
    else:
        source = _statements(text, locate)
    events = tuple(itertools.islice(source, MAX_EVENTS + 1))
    if len(events) > MAX_EVENTS:
        raise ActionError(f"one action is at most {MAX_EVENTS} events of mouse and keyboard")
    for event in events:
        if isinstance(event, Move) and not (0 <= event.x < screen[0] and 0 <= event.y < screen[1]):
            raise ActionError(f"({event.x}, {event.y}) is outside of the screen, which has {screen[0]}x{screen[1]}")
    return Action(events)


# -- computer_13 -----------------------------------------------------------------------------------------------


def _mouse_click(
    x: hands.X = None, y: hands.Pixels | None = None, button: MouseButton = "left", num_clicks: hands.Count = 1
) -> Iterator[Event]:
    return hands.click(x, y, num_clicks, button=button)


def _hotkey(keys: list[str]) -> Iterator[Event]:
    return hands.hotkey(keys)


def _scroll(dx: hands.Clicks = 0, dy: hands.Clicks = 0) -> Iterator[Event]:
    if dx:
        yield from hands.hscroll(dx)
    if dy:
        yield from hands.scroll(dy)


def _drag(x: hands.Pixels, y: hands.Pixels) -> Iterator[Event]:
    return hands.dragTo(x, y)


def _typing(text: str) -> Iterator[Event]:
    return hands.write(text)


def _press(key: str) -> Iterator[Event]:
    return hands.press(key)


COMPUTER_13: dict[str, Hand] = {
    "MOVE_TO": HANDS["moveTo"],
    "CLICK": hands.checked(_mouse_click),
    "MOUSE_DOWN": HANDS["mouseDown"],
    "MOUSE_UP": HANDS["mouseUp"],
    "RIGHT_CLICK": HANDS["rightClick"],
    "DOUBLE_CLICK": HANDS["doubleClick"],
    "DRAG_TO": hands.checked(_drag),
    "SCROLL": hands.checked(_scroll),
    "TYPING": hands.checked(_typing),
    "PRESS": hands.checked(_press),
    "KEY_DOWN": HANDS["keyDown"],
    "KEY_UP": HANDS["keyUp"],
    "HOTKEY": hands.checked(_hotkey),
}
"""The action types that move something; `WAIT`, `DONE` and `FAIL` are words."""


def _dictionary(text: str) -> tuple[str, Mapping[str, Any]]:
    """Type and parameters, which may stand in a dictionary of their own or beside the type."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ActionError(f"this is no JSON ({error}); write {_EXAMPLE}") from error
    name = found.pop("action_type", None)
    parameters = found.pop("parameters", found)
    if not isinstance(name, str) or not isinstance(parameters, dict) or (found and parameters is not found):
        raise ActionError(f"a dictionary has action_type and parameters: {_EXAMPLE}")
    return name, parameters


_EXAMPLE = '{"action_type": "CLICK", "parameters": {"x": 100, "y": 200}}'


def _computer_13(name: str, parameters: Mapping[str, Any]) -> Iterator[Event]:
    if name not in COMPUTER_13:
        raise ActionError(str(UnknownNameError("action_type", name, [*COMPUTER_13, *WORDS])))
    yield from _called(name, COMPUTER_13[name], (), parameters)


# -- pyautogui -------------------------------------------------------------------------------------------------


def _statements(code: str, locate: Locate | None) -> Iterator[Event]:
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        body = []
    if not body:
        raise ActionError(
            f"an action is pyautogui code such as pyautogui.click(100, 200), or one of {', '.join(WORDS)}"
        )
    for statement in body:
        yield from _statement(statement, locate)


def _statement(statement: ast.stmt, locate: Locate | None) -> Iterator[Event]:
    match statement:
        case ast.Import(names=names) if all(n.name in ("pyautogui", "time") and not n.asname for n in names):
            return
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="pyautogui"), attr=name)) as call):
            if name not in HANDS:
                raise ActionError(str(UnknownNameError("function of pyautogui", name, HANDS)))
            yield from _call(f"pyautogui.{name}", HANDS[name], call)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="time"), attr="sleep")) as call):
            yield from _call("time.sleep", HANDS["sleep"], call)
        case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=int(number))], keywords=[])) if (
            locate and name in ELEMENT_HANDS
        ):
            yield from HANDS[ELEMENT_HANDS[name]](*locate(number))
        case _:
            elements = f", or {', '.join(ELEMENT_HANDS)} of an element's number" if locate else ""
            what = ast.unparse(statement)
            raise ActionError(f"{what!r:.60} is not understood: only calls of pyautogui with literal values{elements}")


def _call(name: str, hand: Hand, call: ast.Call) -> Iterator[Event]:
    try:
        positional = [ast.literal_eval(argument) for argument in call.args]
        # An easing function is no literal, and of no consequence.
        named = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords if k.arg not in _NO_CONSEQUENCE}
    except (ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ActionError(f"arguments are literal values such as 100 and 'text'; {_form(name, hand)}") from error
    yield from _called(name, hand, positional, named)


_NO_CONSEQUENCE = {"tween", "logScreenshot", "_pause"}


def _called(name: str, hand: Hand, positional: Any, named: Mapping[str, Any]) -> Iterator[Event]:
    try:
        return hand(*positional, **named)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        argument = ".".join(str(part) for part in first["loc"][:1])
        raise ActionError(f"{argument}: {first['msg']}; {_form(name, hand)}") from error


def _form(name: str, hand: Hand) -> str:
    parameters = []
    for parameter in inspect.signature(hand).parameters.values():
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        parameters.append(star + parameter.name + default)
    return f"use {name}({', '.join(parameters)})"
