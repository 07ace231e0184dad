# ruff: noqa: N802, N803 - the names are those of pyautogui
"""What an agent can do to a desktop, by the names of pyautogui. The signatures are the grammar of the actions.

Durations and intervals are taken and not waited for: the desktop is looked at when it has settled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, cast

from pydantic import ConfigDict, Field, validate_call

from agentrl.envs.gui.desktop.events import Button, Event, Key, MouseButton, Move, MoveBy, Scroll, Text
from agentrl.envs.gui.desktop.keys import SHIFTED, keysym
from agentrl.errors import ActionError

Hand = Callable[..., Iterator[Event]]
Pixels = Annotated[float, Field(ge=-20_000, le=20_000)]
Point = tuple[Pixels, Pixels]
X = Pixels | Point | None
Count = Annotated[int, Field(ge=0, le=100)]
Clicks = Annotated[float, Field(ge=-1_000, le=1_000)]
Seconds = Annotated[float, Field(ge=0)]


def to(x: X, y: Pixels | None) -> Iterator[Event]:
    if isinstance(x, tuple) and y is None:
        x, y = x
    if x is None and y is None:
        return
    if isinstance(x, tuple) or x is None or y is None:
        raise ActionError("a place is two numbers: x=640, y=400")
    yield Move(round(x), round(y))


def clicked(button: MouseButton, times: int) -> Iterator[Event]:
    for _ in range(times):
        yield Button(button, True)
        yield Button(button, False)


def dragged(button: MouseButton, *way: Event) -> Iterator[Event]:
    yield Button(button, True)
    yield from way
    yield Button(button, False)


def held(name: str, down: bool) -> Iterator[Event]:
    """A key goes down or up; what takes Shift gets it, as with pyautogui."""
    key = Key(keysym(name), down)
    yield from [Key("Shift_L", True), key, Key("Shift_L", False)] if name in SHIFTED else [key]


def pressed(*names: str) -> Iterator[Event]:
    """Keys go down in order, and up again in the reverse order."""
    for down, ordered in ((True, names), (False, names[::-1])):
        for name in ordered:
            yield from held(name, down)


def typed(text: str) -> Iterator[Event]:
    for part in re.findall(r"[^\t\n\r]+|\r\n|[\t\n\r]", text):
        if part in ("\t", "\n", "\r", "\r\n"):
            yield from pressed(part[-1])
        elif part.isprintable():
            yield Text(part)
        else:
            raise ActionError(f"{part!r:.40} has characters that no key types")


def moveTo(x: X = None, y: Pixels | None = None, duration: Seconds = 0.0) -> Iterator[Event]:
    yield from to(x, y)


def moveRel(xOffset: Pixels = 0, yOffset: Pixels = 0, duration: Seconds = 0.0) -> Iterator[Event]:
    yield MoveBy(round(xOffset), round(yOffset))


def click(
    x: X = None,
    y: Pixels | None = None,
    clicks: Count = 1,
    interval: Seconds = 0.0,
    button: MouseButton = "left",
    duration: Seconds = 0.0,
) -> Iterator[Event]:
    yield from to(x, y)
    yield from clicked(button, clicks)


def rightClick(
    x: X = None, y: Pixels | None = None, interval: Seconds = 0.0, duration: Seconds = 0.0
) -> Iterator[Event]:
    yield from click(x, y, button="right")


def middleClick(
    x: X = None, y: Pixels | None = None, interval: Seconds = 0.0, duration: Seconds = 0.0
) -> Iterator[Event]:
    yield from click(x, y, button="middle")


def doubleClick(
    x: X = None,
    y: Pixels | None = None,
    interval: Seconds = 0.0,
    button: MouseButton = "left",
    duration: Seconds = 0.0,
) -> Iterator[Event]:
    yield from click(x, y, 2, button=button)


def tripleClick(
    x: X = None,
    y: Pixels | None = None,
    interval: Seconds = 0.0,
    button: MouseButton = "left",
    duration: Seconds = 0.0,
) -> Iterator[Event]:
    yield from click(x, y, 3, button=button)


def mouseDown(
    x: X = None, y: Pixels | None = None, button: MouseButton = "left", duration: Seconds = 0.0
) -> Iterator[Event]:
    yield from to(x, y)
    yield Button(button, True)


def mouseUp(
    x: X = None, y: Pixels | None = None, button: MouseButton = "left", duration: Seconds = 0.0
) -> Iterator[Event]:
    yield from to(x, y)
    yield Button(button, False)


def dragTo(
    x: X = None, y: Pixels | None = None, duration: Seconds = 0.0, button: MouseButton = "left"
) -> Iterator[Event]:
    # Programs take a first motion for the start of a drag and drop only where a second one has come.
    yield from dragged(button, *to(x, y), MoveBy(1, 0), *to(x, y))


def dragRel(
    xOffset: Pixels = 0, yOffset: Pixels = 0, duration: Seconds = 0.0, button: MouseButton = "left"
) -> Iterator[Event]:
    yield from dragged(button, MoveBy(round(xOffset), round(yOffset)), MoveBy(1, 0), MoveBy(-1, 0))


def scroll(clicks: Clicks, x: X = None, y: Pixels | None = None) -> Iterator[Event]:
    yield from to(x, y)
    yield Scroll(0, round(clicks))


def hscroll(clicks: Clicks, x: X = None, y: Pixels | None = None) -> Iterator[Event]:
    yield from to(x, y)
    yield Scroll(round(clicks), 0)


def write(message: str | list[str], interval: Seconds = 0.0) -> Iterator[Event]:
    if isinstance(message, str):
        yield from typed(message)
    else:
        yield from press(message)


def press(keys: str | list[str], presses: Count = 1, interval: Seconds = 0.0) -> Iterator[Event]:
    for _ in range(presses):
        for key in [keys] if isinstance(keys, str) else keys:
            yield from pressed(key)


def hotkey(*args: str | list[str], interval: Seconds = 0.0) -> Iterator[Event]:
    yield from pressed(*(key for keys in args for key in ([keys] if isinstance(keys, str) else keys)))


def keyDown(key: str) -> Iterator[Event]:
    yield from held(key, True)


def keyUp(key: str) -> Iterator[Event]:
    yield from held(key, False)


def sleep(seconds: Seconds) -> Iterator[Event]:
    return iter(())


def checked(hand: Hand) -> Hand:
    """`hand` with arguments of the right types only; others are pydantic's `ValidationError`."""
    validated: Any = validate_call(config=ConfigDict(strict=True))(hand)
    return cast(Hand, validated)


_PYAUTOGUI: dict[str, Hand] = {
    "click": click,
    "doubleClick": doubleClick,
    "drag": dragRel,
    "dragRel": dragRel,
    "dragTo": dragTo,
    "hotkey": hotkey,
    "hscroll": hscroll,
    "keyDown": keyDown,
    "keyUp": keyUp,
    "middleClick": middleClick,
    "mouseDown": mouseDown,
    "mouseUp": mouseUp,
    "move": moveRel,
    "moveRel": moveRel,
    "moveTo": moveTo,
    "press": press,
    "rightClick": rightClick,
    "scroll": scroll,
    "sleep": sleep,
    "tripleClick": tripleClick,
    "typewrite": write,
    "vscroll": scroll,
    "write": write,
}
HANDS = {name: checked(hand) for name, hand in _PYAUTOGUI.items()}
"""Every function of pyautogui that an action may call, by name; wrong arguments are pydantic's `ValidationError`."""
