"""The accessibility tree of all programs.

A question over D-Bus takes a round trip, and every element takes several. So nobody waits for an answer before the next
question: each answer brings the questions that follow from it, and all are under way at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

_PREFIX = "org.a11y.atspi."
_ROOT = "/org/a11y/atspi/accessible/root"
_REGISTRY = _PREFIX + "Registry"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_MULTI_LINE, _SHOWING = 17, 25
STATES = {
    1: "active", 4: "checked", 7: "editable", 8: "enabled", 9: "expandable", 10: "expanded", 11: "focusable",
    12: "focused", 16: "modal", 17: "multi-line", 20: "pressed", 22: "selectable", 23: "selected",
    24: "sensitive", 25: "showing", 30: "visible", 32: "indeterminate", 33: "required", 41: "checkable",
    42: "has-popup", 43: "read-only",
}  # fmt: skip
"""Names of the states that say something to a user, by their bit (atspi-constants.h)."""
CHILDREN, TEXT, LONG_TEXT = 300, 300, 8000
"""At most so many children of an element, characters of a name or text, and characters of a terminal or document."""
_PATIENCE_MS = 5000
"""For one answer; a program that hangs is left out."""
_SCREEN = GLib.Variant("(u)", (0,))
"""What places are relative to."""
_START_MS = 60_000
"""For the bus itself to start."""

Address = tuple[str, str]
"""A name on the bus, and a path there."""


@dataclass
class Element:
    """One accessible object."""

    address: Address
    depth: int
    app: str = ""
    role: str = ""
    name: str = ""
    text: str = ""
    states: int = 0
    shows: bool = False
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    children: list[Element] = field(default_factory=list)

    def rows(self) -> Iterator[dict[str, Any]]:
        """It and all below it, in reading order, as plain values."""
        states = [name for bit, name in STATES.items() if self.states >> bit & 1]
        box = dict(zip(("x", "y", "width", "height"), self.box, strict=True))
        own = {"app": self.app, "role": self.role, "name": self.name, "text": self.text, "states": states}
        yield {**own, **box, "depth": self.depth}
        for child in self.children:
            if child.shows:
                yield from child.rows()


class Tree:
    """Asks the accessibility bus.

    Args:
        session: address of the session bus, which knows that of the accessibility bus.
    """

    def __init__(self, session: str) -> None:
        connection = _connect(session)

        def ask(interface: str, method: str, arguments: Any = None) -> Any:
            names = "org.a11y.Bus", "/org/a11y/bus", interface, method
            return connection.call_sync(*names, arguments, None, Gio.DBusCallFlags.NONE, _START_MS)

        address = ask("org.a11y.Bus", "GetAddress").unpack()[0]
        enabled = GLib.Variant("(ssv)", ("org.a11y.Status", "IsEnabled", GLib.Variant("b", True)))
        ask(_PROPERTIES, "Set", enabled)  # else Chromium has none
        self._bus = _connect(address)
        self._waiting = self._left = 0
        self._end = 0.0
        self._dead: set[str] = set()

    def read(self, limit: int, seconds: float) -> tuple[list[dict[str, Any]], bool]:
        """The elements that show, in reading order of each program, and whether that is all of them.

        Args:
            limit: elements.
            seconds: to spend.
        """
        self._end, self._left, self._dead = time.monotonic() + seconds, limit, set()
        desktop = Element((_REGISTRY, _ROOT), 0)
        self._ask(desktop, "Accessible", "GetChildren", partial(self._apps, desktop))
        context = GLib.MainContext.default()
        while self._waiting:
            context.iteration(True)
        whole = self._left > 0 and time.monotonic() < self._end and not self._dead
        return [row for app in desktop.children for child in app.children if child.shows for row in child.rows()], whole

    # -- what is asked about an element --------------------------------------------------------------------------------

    def _apps(self, desktop: Element, addresses: list[Address]) -> None:
        for address in addresses:
            app = Element(address, 0)
            desktop.children.append(app)
            self._get(app, "Accessible", "Name", partial(setattr, app, "app"))
            self._ask(app, "Accessible", "GetChildren", partial(self._family, app))

    def _family(self, parent: Element, addresses: list[Address]) -> None:
        for address in addresses[:CHILDREN]:
            child = Element(address, parent.depth + 1, parent.app)
            parent.children.append(child)
            self._ask(child, "Accessible", "GetState", partial(self._shown, child))

    def _shown(self, element: Element, states: list[int]) -> None:
        element.states = states[0] | states[1] << 32
        if not element.states >> _SHOWING & 1 or self._left <= 0:
            return
        self._left -= 1
        element.shows = True
        self._ask(element, "Accessible", "GetRoleName", partial(setattr, element, "role"))
        self._get(element, "Accessible", "Name", lambda name: setattr(element, "name", name[:TEXT].strip()))
        self._ask(element, "Component", "GetExtents", partial(setattr, element, "box"), _SCREEN)
        self._ask(element, "Accessible", "GetInterfaces", partial(self._content, element))
        self._ask(element, "Accessible", "GetChildren", partial(self._family, element))

    def _content(self, element: Element, interfaces: list[str]) -> None:
        """A program answers in order, so that the role is known by now."""
        if _PREFIX + "Text" in interfaces:
            long = element.role == "terminal" or element.states >> _MULTI_LINE & 1
            span = GLib.Variant("(ii)", (0, -1 if long else TEXT))
            self._ask(element, "Text", "GetText", lambda text: setattr(element, "text", _cut(element, text)), span)
        elif _PREFIX + "Value" in interfaces:
            self._get(element, "Value", "CurrentValue", lambda value: setattr(element, "text", f"{value:g}"))

    # -- how it is asked -----------------------------------------------------------------------------------------------

    def _get(self, element: Element, interface: str, name: str, done: Callable[[Any], None]) -> None:
        self._send(element, _PROPERTIES, "Get", done, GLib.Variant("(ss)", (_PREFIX + interface, name)))

    def _ask(
        self, element: Element, interface: str, method: str, done: Callable[[Any], None], arguments: Any = None
    ) -> None:
        self._send(element, _PREFIX + interface, method, done, arguments)

    def _send(self, element: Element, interface: str, method: str, done: Callable[[Any], None], arguments: Any) -> None:
        if element.address[0] in self._dead or time.monotonic() > self._end:
            return

        def answered(bus: Any, result: Any) -> None:
            self._waiting -= 1
            try:
                reply = bus.call_finish(result)
            except GLib.Error as error:
                if error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.TIMED_OUT):
                    self._dead.add(element.address[0])
                return  # it went meanwhile, or has nothing of the kind
            done(reply.unpack()[0])

        self._waiting += 1
        flags = Gio.DBusCallFlags.NO_AUTO_START
        self._bus.call(*element.address, interface, method, arguments, None, flags, _PATIENCE_MS, None, answered)


def _connect(address: str) -> Any:
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    return Gio.DBusConnection.new_for_address_sync(address, flags, None, None)


def _cut(element: Element, text: str) -> str:
    """What matters of a text: of a terminal the end, of others the beginning. Embedded objects are its children."""
    text = text.replace("\ufffc", "")
    return text.rstrip()[-LONG_TEXT:] if element.role == "terminal" else text[:LONG_TEXT]
