"""The accessibility tree of all programs.

A question over D-Bus takes a round trip, and every element takes several. So they are asked in flocks: all questions
about all elements of one depth are under way at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

_PREFIX = "org.a11y.atspi."
_ROOT = "/org/a11y/atspi/accessible/root"
_REGISTRY = _PREFIX + "Registry"
_NULL = "/org/a11y/atspi/null"
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
_PATIENCE_MS = 500
"""For one answer; a program that hangs is left out."""

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
    interfaces: tuple[str, ...] = ()
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    children: list[Element] = field(default_factory=list)

    def rows(self) -> Iterable[list[Any]]:
        """It and all below it, in reading order, as plain values."""
        states = [name for bit, name in STATES.items() if self.states >> bit & 1]
        yield [self.app, self.role, self.name, self.text, states, *self.box, self.depth]
        for child in self.children:
            yield from child.rows()


class Tree:
    """Asks the accessibility bus.

    Args:
        session: address of the session bus, which knows that of the accessibility bus.
    """

    def __init__(self, session: str) -> None:
        connection = _connect(session)
        address = connection.call_sync(
            "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress", None, None, Gio.DBusCallFlags.NONE, _START_MS
        )
        enable = GLib.Variant("(ssv)", ("org.a11y.Status", "IsEnabled", GLib.Variant("b", True)))
        connection.call_sync(
            "org.a11y.Bus", "/org/a11y/bus", "org.freedesktop.DBus.Properties", "Set", enable, None,
            Gio.DBusCallFlags.NONE, _START_MS,
        )  # fmt: skip
        self._bus = _connect(address.unpack()[0])
        self._waiting = 0
        self._dead: set[str] = set()

    def read(self, limit: int, seconds: float) -> tuple[list[list[Any]], bool]:
        """The elements that show, and whether that is all of them.

        Args:
            limit: elements.
            seconds: to spend.
        """
        end = time.monotonic() + seconds
        self._dead = set()
        apps = [Element(address, 0) for address in self._children(Element((_REGISTRY, _ROOT), 0))]
        self._ask_all(apps)
        level, count, whole = apps, len(apps), True
        while level and (whole := count < limit and time.monotonic() < end):
            found: list[tuple[Element, list[Address]]] = []
            for parent in level:
                self._call(
                    parent, "Accessible", "GetChildren", None, lambda reply, p=parent: found.append((p, reply[0]))
                )
            self._finish()
            place = {id(parent): number for number, parent in enumerate(level)}
            level = []
            for parent, addresses in sorted(found, key=lambda pair: place[id(pair[0])]):
                kept = [tuple(a) for a in addresses if a[1] != _NULL][:CHILDREN]
                parent.children = [Element(a, parent.depth + 1, app=parent.app or parent.name) for a in kept]
                level += parent.children
            self._ask_states(level)
            for parent, _ in found:
                parent.children = [child for child in parent.children if child.states >> _SHOWING & 1]
            level = [element for element in level if element.states >> _SHOWING & 1][: max(0, limit - count)]
            count += len(level)
            self._ask_all(level)
        return [row for app in apps for child in app.children for row in child.rows()], whole and not self._dead

    # -- questions -----------------------------------------------------------------------------------------------------

    def _children(self, parent: Element) -> list[Address]:
        found: list[Address] = []
        self._call(parent, "Accessible", "GetChildren", None, lambda reply: found.extend(tuple(a) for a in reply[0]))
        self._finish()
        return found

    def _ask_states(self, elements: Iterable[Element]) -> None:
        def states(element: Element, reply: Any) -> None:
            low, high = reply[0]
            element.states = low | high << 32

        for element in elements:
            self._call(element, "Accessible", "GetState", None, lambda reply, e=element: states(e, reply))
        self._finish()

    def _ask_all(self, elements: list[Element]) -> None:
        for element in elements:
            self._call(
                element, "Accessible", "GetRoleName", None, lambda reply, e=element: setattr(e, "role", reply[0])
            )
            self._get(element, "Accessible", "Name", lambda value, e=element: setattr(e, "name", str(value)[:TEXT]))
            self._call(
                element, "Accessible", "GetInterfaces", None,
                lambda reply, e=element: setattr(e, "interfaces", tuple(reply[0])),
            )  # fmt: skip
            if element.depth:
                self._call(
                    element, "Component", "GetExtents", GLib.Variant("(u)", (0,)),
                    lambda reply, e=element: setattr(e, "box", reply[0]),
                )  # fmt: skip
        self._finish()
        for element in elements:
            if _PREFIX + "Text" in element.interfaces:
                length = LONG_TEXT if element.role == "terminal" or element.states >> _MULTI_LINE & 1 else TEXT
                self._call(
                    element, "Text", "GetText", GLib.Variant("(ii)", (0, -1 if length == LONG_TEXT else length)),
                    lambda reply, e=element, n=length: setattr(e, "text", _end(e, reply[0], n)),
                )  # fmt: skip
            elif _PREFIX + "Value" in element.interfaces:
                self._get(element, "Value", "CurrentValue", lambda value, e=element: setattr(e, "text", f"{value:g}"))
        self._finish()

    def _get(self, element: Element, interface: str, name: str, done: Callable[[Any], None]) -> None:
        self._send(
            element, "org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", (_PREFIX + interface, name)),
            lambda reply: done(reply[0]),
        )  # fmt: skip

    def _call(self, element: Element, interface: str, method: str, arguments: Any, done: Callable[[Any], None]) -> None:
        self._send(element, _PREFIX + interface, method, arguments, done)

    def _send(self, element: Element, interface: str, method: str, arguments: Any, done: Callable[[Any], None]) -> None:
        if element.address[0] in self._dead:
            return

        def answered(bus: Any, result: Any) -> None:
            self._waiting -= 1
            try:
                reply = bus.call_finish(result)
            except GLib.Error as error:
                if error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.TIMED_OUT):
                    self._dead.add(element.address[0])
                return  # it went meanwhile, or has nothing of the kind
            done(reply.unpack())

        self._waiting += 1
        self._bus.call(
            *element.address, interface, method, arguments, None, Gio.DBusCallFlags.NO_AUTO_START, _PATIENCE_MS, None,
            answered,
        )  # fmt: skip

    def _finish(self) -> None:
        context = GLib.MainContext.default()
        while self._waiting:
            context.iteration(True)


def _connect(address: str) -> Any:
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    return Gio.DBusConnection.new_for_address_sync(address, flags, None, None)


def _end(element: Element, text: str, length: int) -> str:
    """What matters of a long text: of a terminal its end, of others the beginning. Embedded objects are children."""
    text = text.replace("\ufffc", "")
    return text.rstrip()[-length:] if element.role == "terminal" else text[:length]
