"""From nothing to a desktop that has been seen to work."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable

from Xlib.display import Display

from agentrl.envs.gui.desktop.inside.hands import Hands
from agentrl.envs.gui.desktop.inside.panel import COLOUR, PASSWORD, PROBE
from agentrl.envs.gui.desktop.inside.programs import PROGRAMS
from agentrl.envs.gui.desktop.inside.screen import Screen
from agentrl.envs.gui.desktop.inside.tree import Tree
from agentrl.envs.gui.desktop.inside.windows import Windows

PATIENCE_S = 60.0
"""For each thing that has to come up: far more than any takes, also on a machine that does a lot else."""


class Failed(Exception):  # noqa: N818 - says what happened
    """The desktop, or a program on it, did not come up."""


class Desktop:
    """A running desktop.

    Args:
        width, height: of the screen, in pixels.
        folder: for sockets and the picture.
    """

    def __init__(self, width: int, height: int, folder: str) -> None:
        os.mkdir(f"{folder}/run", mode=0o700)
        bus = f"unix:path={folder}/bus"
        self.environment = {
            "DISPLAY": ":0",
            "DBUS_SESSION_BUS_ADDRESS": bus,
            "XDG_RUNTIME_DIR": f"{folder}/run",
            "XDG_CURRENT_DESKTOP": "openbox",
            "GSETTINGS_BACKEND": "keyfile",  # settings are kept in files
            "ACCESSIBILITY_ENABLED": "1",  # for Chromium
            "GTK_OVERLAY_SCROLLING": "0",  # else scroll bars come and go with the pointer
            "LANG": "C.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": os.environ["HOME"],
        }
        with open(f"{folder}/environment", "w") as file:
            file.writelines(f"export {name}='{value}'\n" for name, value in self.environment.items())
        self._children: list[subprocess.Popen[bytes]] = []
        self.launched: dict[tuple[int, int], list[str]] = {}
        """The commands of `launch`, by number and process of the window that each opened: X uses numbers again."""

        screen = ("-screen", "0", f"{width}x{height}x24", "-fbdir", folder, "-dpi", "96")
        ready, told = os.pipe()
        self.spawn(["Xvfb", ":0", *screen, "-nolisten", "tcp", "-noreset", "-ac", "-displayfd", str(told)], told)
        bus_ready, bus_told = os.pipe()
        address = (f"--address={bus}", f"--print-address={bus_told}")
        self.spawn(["dbus-daemon", "--session", "--nofork", "--nosyslog", *address], bus_told)
        _heard("the X server", ready)
        self.display = Display(":0")
        self.windows = Windows(self.display)
        self.spawn(["openbox", "--config-file", "/etc/xdg/openbox/rc.xml"])
        self.screen = Screen(f"{folder}/Xvfb_screen0")
        self.hands = Hands(self.display, self.windows)
        _heard("the message bus", bus_ready)
        self.tree = Tree(bus)
        self._wait("the window manager", self.windows.managed)
        self._probe(width, height)

    def spawn(self, argv: list[str], keep: int | None = None) -> subprocess.Popen[bytes]:
        """Start a process that belongs to the desktop.

        Args:
            keep: a descriptor to hand over; it is closed here.

        Raises:
            Failed: there is no such program.
        """
        self._children = [child for child in self._children if child.poll() is None]
        try:
            child = subprocess.Popen(
                argv,
                env=self.environment,
                cwd=self.environment["HOME"],
                start_new_session=True,
                pass_fds=() if keep is None else (keep,),
            )
        except OSError as error:
            raise Failed(f"{argv[0]} does not start: {error.strerror}") from error
        finally:
            if keep is not None:
                os.close(keep)
        self._children.append(child)
        return child

    def launch(self, argv: list[str], limit_s: float) -> None:
        """Start a program and wait until it has a new window, or has ended, as one does that hands over to another.

        Raises:
            Failed: there is no such program, or it failed, or opened no window in time.
        """
        known = self._windows()
        end = time.monotonic() + limit_s
        child = self.spawn(argv)
        while not (new := self._windows() - known):
            if child.poll() is not None:
                if child.returncode:
                    raise Failed(f"{argv[0]} ended with {child.returncode}")
                break
            if time.monotonic() > end:
                raise Failed(f"{argv[0]} opened no window within {limit_s:g} s")
            self.windows.wait(0.05)
        self.launched.update(dict.fromkeys(new, argv))
        self.windows.settle(max(1.0, end - time.monotonic()))

    def _windows(self) -> set[tuple[int, int]]:
        return {(window["id"], window["pid"]) for window in self.windows.all()}

    def _probe(self, width: int, height: int) -> None:
        """See to it that all works: a window comes, the picture shows it, keys reach it, and the tree has them."""
        self.spawn([sys.executable, sys.argv[0], "panel", str(width), str(height), json.dumps(PROGRAMS)])
        self._wait("a window", lambda: (self.windows.focused() or {}).get("title") == PROBE)
        window = self.windows.focused()
        assert window
        x, y = window["x"] + 4, window["y"] + 4
        self._wait("its picture", lambda: self.screen.pixel(x, y) == COLOUR)
        self.hands.perform([("text", PASSWORD)])
        self._wait("its element", lambda: any(row["text"] == PASSWORD for row in self.tree.read(100, PATIENCE_S)[0]))
        self.hands.perform([("key", "Return", True), ("key", "Return", False)])
        self._wait("the panel", lambda: any(row["name"] == "Panel" for row in self.tree.read(100, PATIENCE_S)[0]))
        self.windows.settle(PATIENCE_S)

    def _wait(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait until something holds; looked at again whenever something happens on the screen."""
        end = time.monotonic() + PATIENCE_S
        while not holds():
            if time.monotonic() > end:
                raise Failed(f"still waiting for {what} after {PATIENCE_S:g} s, with the windows {self.windows.all()}")
            if not self.windows.wait(0.02):
                self.windows.nudge()  # while it starts, openbox may read an event and look at it only with the next


def _heard(what: str, pipe: int) -> None:
    """Wait until a process writes that it is ready.

    Raises:
        Failed: it ended, or took too long.
    """
    with os.fdopen(pipe) as file:  # up to the end of the line, or its writer would fail
        if not select.select([file], [], [], PATIENCE_S)[0] or not file.readline().endswith("\n"):
            raise Failed(f"{what} does not start")
