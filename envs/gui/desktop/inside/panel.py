"""The bar at the bottom that starts programs; at first the window that proves that the desktop works."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402

HEIGHT = 32
"""Pixels; rc.xml of the image keeps windows that are maximised off it."""
PROBE = "Is anybody there?"
"""Title of the first window; it goes when `PASSWORD` is typed into it."""
PASSWORD = "Yes, 1"
COLOUR = (0x3A, 0x7B, 0x3A)
"""Of the window, as red, green and blue."""


def main(width: int, height: int, programs: str) -> None:
    """Be the bar, for ever.

    Args:
        width, height: of the screen.
        programs: as JSON, a command by the name for its button.
    """
    GLib.set_prgname("panel")
    _probe(lambda: _bar(width, height, json.loads(programs)))
    Gtk.main()


def _probe(then: Callable[[], None]) -> None:
    window = Gtk.Window(title=PROBE, default_width=300, default_height=120)
    style, screen = Gtk.CssProvider(), Gdk.Screen.get_default()
    style.load_from_data(b"window { background: rgb(%d, %d, %d); }" % COLOUR)
    Gtk.StyleContext.add_provider_for_screen(screen, style, Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)
    entry = Gtk.Entry(margin=20)

    def typed(_: object) -> None:
        if entry.get_text() == PASSWORD:
            Gtk.StyleContext.remove_provider_for_screen(screen, style)
            window.destroy()
            then()

    entry.connect("activate", typed)
    window.add(entry)
    window.show_all()


def _bar(width: int, height: int, programs: dict[str, list[str]]) -> None:
    window = Gtk.Window(title="Panel", type_hint=Gdk.WindowTypeHint.DOCK, default_width=width, default_height=HEIGHT)
    window.move(0, height - HEIGHT)
    box = Gtk.Box()
    for name, argv in programs.items():
        button = Gtk.Button(label=name, can_focus=False, relief=Gtk.ReliefStyle.NONE)
        button.connect("clicked", lambda _, argv=argv: subprocess.Popen(argv, start_new_session=True))
        box.pack_start(button, False, False, 0)
    window.add(box)
    window.show_all()
