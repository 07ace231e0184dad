"""Windows, and when they have come to rest."""

from __future__ import annotations

import os
import select
import time
from typing import Any

from Xlib import X
from Xlib.display import Display
from Xlib.error import BadDrawable, BadMatch, BadWindow
from Xlib.ext import damage
from Xlib.protocol.event import ClientMessage

QUIET_S = 0.05
"""The screen is at rest when nothing was drawn for so long, and no process wants to run."""


class Windows:
    """The windows of the window manager, and the events that tell what happens to them."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._root = display.screen().root
        self._atoms: dict[str, int] = {}
        self._serial = 0
        self._pongs: set[int] = set()
        self._answered = self._drawn = False
        self._own = self._root.create_window(0, 0, 1, 1, 0, X.CopyFromParent, event_mask=X.PropertyChangeMask)
        """Never seen: for questions to the window manager."""
        self._root.change_attributes(event_mask=X.PropertyChangeMask | X.SubstructureNotifyMask)
        display.damage_query_version()
        self._damage = self._root.damage_create(damage.DamageReportNonEmpty)
        display.sync()

    def atom(self, name: str) -> int:
        if name not in self._atoms:
            self._atoms[name] = self._display.intern_atom(name)
        return self._atoms[name]

    # -- what there is -------------------------------------------------------------------------------------------------

    def all(self) -> list[dict[str, Any]]:
        """Every window that the window manager knows, the oldest first: title, class, process, place and size."""
        focused = self._active()
        return [w for i in self._property(self._root, "_NET_CLIENT_LIST") if (w := self._describe(i, focused))]

    def focused(self) -> dict[str, Any] | None:
        """That with the keyboard."""
        return next((window for window in self.all() if window["focused"]), None)

    def managed(self) -> bool:
        """Whether a window manager is at work."""
        return bool(self._property(self._root, "_NET_SUPPORTING_WM_CHECK"))

    def _active(self) -> int:
        found = self._property(self._root, "_NET_ACTIVE_WINDOW")
        return found[0] if found else 0

    def _describe(self, number: int, focused: int) -> dict[str, Any] | None:
        window = self._display.create_resource_object("window", number)
        try:
            size = window.get_geometry()
            place = self._root.translate_coords(window, 0, 0)
            name = self._property(window, "_NET_WM_NAME") or window.get_wm_name() or ""
            program = window.get_wm_class() or ("", "")
            kind = self._property(window, "_NET_WM_WINDOW_TYPE")
            state = self._property(window, "_NET_WM_STATE")
            pid = self._property(window, "_NET_WM_PID")
        except (BadWindow, BadDrawable, BadMatch):
            return None  # it went meanwhile
        return {
            "id": number,
            "title": name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name),
            "program": program[1],
            "pid": pid[0] if pid else 0,
            "x": place.x,
            "y": place.y,
            "width": size.width,
            "height": size.height,
            "focused": number == focused,
            "panel": self.atom("_NET_WM_WINDOW_TYPE_DOCK") in kind,
            "hidden": self.atom("_NET_WM_STATE_HIDDEN") in state,
        }

    def _property(self, window: Any, name: str) -> Any:
        found = window.get_full_property(self.atom(name), X.AnyPropertyType)
        return found.value if found else []

    # -- what happens --------------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> bool:
        """Whether something happens within a time, which is then known here."""
        if not self._display.pending_events():
            self._display.flush()
            if not select.select([self._display], [], [], max(0.0, seconds))[0]:
                return False
        for _ in range(self._display.pending_events()):
            self._note(self._display.next_event())
        return True

    def settle(self, limit_s: float) -> bool:
        """Wait until programs have seen all events and draw no more; whether that was so within the limit."""
        end = time.monotonic() + limit_s
        self.caught_up(end)
        while time.monotonic() < end:
            if self._quiet(QUIET_S) and _at_rest():
                return True
        return False

    def change(self, limit_s: float) -> None:
        """Wait until something is drawn, at most so long."""
        end = time.monotonic() + limit_s
        while self._quiet(QUIET_S) and time.monotonic() < end:
            pass

    def caught_up(self, end: float | None = None) -> bool:
        """Wait until the focused program has seen all events so far: they come in order, and it answers the last."""
        end = time.monotonic() + 1 if end is None else end
        number = self._active()
        window = self._display.create_resource_object("window", number)
        try:
            if not number or self.atom("_NET_WM_PING") not in self._property(window, "WM_PROTOCOLS"):
                return True
        except BadWindow:
            return True
        self._serial += 1
        data = (32, [self.atom("_NET_WM_PING"), self._serial, number, 0, 0])
        window.send_event(ClientMessage(window=window, client_type=self.atom("WM_PROTOCOLS"), data=data))
        while self._serial not in self._pongs and _exists(window):  # it may end instead of answering
            if time.monotonic() >= end:
                return False
            self.wait(QUIET_S)
        self._pongs.clear()
        return True

    def let_through(self) -> None:
        """Wait until the window manager has seen all events so far, at most a second.

        It holds back a press of a button until it has looked at it, but no keys: those sent before this returns may
        come to programs before the press.
        """
        end = time.monotonic() + 1
        self._answered = False
        self.nudge()
        while not self._answered and time.monotonic() < end:
            self.wait(QUIET_S)

    def nudge(self) -> None:
        """Ask the window manager how wide the frame of a window would be, which it writes to that window."""
        kind = self.atom("_NET_REQUEST_FRAME_EXTENTS")
        message = ClientMessage(window=self._own, client_type=kind, data=(32, [0] * 5))
        self._root.send_event(message, X.SubstructureRedirectMask | X.SubstructureNotifyMask)
        self._display.flush()

    def _quiet(self, seconds: float) -> bool:
        """Whether nothing is drawn for a time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.wait(left)
            if self._drawn:
                self._drawn = False
                self._display.damage_subtract(self._damage)
                self._display.flush()
                return False
        return True

    def _note(self, event: Any) -> None:
        if event.type == self._display.extension_event.DamageNotify:
            self._drawn = True
        elif event.type == X.ClientMessage and event.client_type == self.atom("WM_PROTOCOLS"):
            self._pongs.add(event.data[1][1])
        elif event.type == X.PropertyNotify and event.window == self._own:
            self._answered |= event.atom == self.atom("_NET_FRAME_EXTENTS")


def _exists(window: Any) -> bool:
    try:
        window.get_attributes()
    except BadWindow:
        return False
    return True


def _at_rest() -> bool:
    """Whether no process beside this one runs or wants to.

    One look at each is not enough: a process may have slept when it was looked at because another worked for it, which
    sleeps or has ended when its turn comes. Where nothing has changed in a second look, nothing ran between the two.
    """
    return (before := _sleepers()) is not None and before == _sleepers()


def _sleepers() -> dict[str, list[str]] | None:
    """Of each thread of other processes, how often it came to wait; nothing as soon as one does not."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/status") as file:
                    status = file.read().splitlines()
                if status[2][7] in "RD":  # "State:\tR (running)"
                    return None
                found[thread] = status[-2:]  # the counts of its switches
        except (FileNotFoundError, ProcessLookupError):
            return None  # it ended, which somebody waits for
    return found
