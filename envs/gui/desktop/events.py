"""What a mouse and a keyboard can do: the primitive events that every action comes down to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MouseButton = Literal["left", "middle", "right"]


@dataclass(frozen=True, slots=True)
class Move:
    """The pointer goes to a place on the screen, in pixels from its upper left corner."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class MoveBy:
    """The pointer goes by so many pixels, right and down."""

    dx: int
    dy: int


@dataclass(frozen=True, slots=True)
class Button:
    """A mouse button goes down or up."""

    button: MouseButton
    down: bool


@dataclass(frozen=True, slots=True)
class Key:
    """A key goes down or up, named by its X keysym such as `Return`, `Control_L`, `a`, `slash`.

    Signs that need Shift come between events of `Shift_L`, on a keyboard as in the US.
    """

    name: str
    down: bool


@dataclass(frozen=True, slots=True)
class Text:
    """Printable characters are typed, whatever the keyboard has; line ends and tabs come as keys."""

    text: str


@dataclass(frozen=True, slots=True)
class Scroll:
    """The wheel turns, in clicks: `dx` right, `dy` up."""

    dx: int
    dy: int


Event = Move | MoveBy | Button | Key | Text | Scroll
