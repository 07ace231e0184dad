"""Mouse and keyboard, by the X server's own extension for it: programs cannot tell it from a person."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from Xlib import XK, X
from Xlib.display import Display
from Xlib.ext import xtest

from agentrl.envs.gui.desktop.inside.windows import Windows

DOUBLE_CLICK_S = 0.25
"""A little longer than the time within which programs take two clicks as one double click (settings.ini, rc.xml)."""
DRAG_S = 1.0
"""For programs to follow a motion of something that is dragged."""
_BUTTONS = {"left": 1, "middle": 2, "right": 3}
_UP, _DOWN, _LEFT, _RIGHT = 4, 5, 6, 7
"""To X a click of the wheel is one of a button."""
_MEDIA = 0x10000000
"""From here on keysyms are those of the makers of keyboards, such as louder and quieter: nobody misses them."""
_UNICODE = 0x01000000
"""Above Latin-1, the keysym of a character is this and its code point."""


class Hands:
    """Carries out primitive events, and waits for the windows where one event could overtake another."""

    def __init__(self, display: Display, windows: Windows) -> None:
        self._display, self._windows = display, windows
        self._held: set[str] = set()
        self._pressed_at = 0.0
        self._keys: dict[int, tuple[int, bool]] = {}
        """By keysym: the key that has it, and whether it takes Shift."""
        self._spare: OrderedDict[int, int] = OrderedDict()
        """The keys without a use, by keycode; with the keysym that we gave them, those of the longest ago first."""
        spare: list[int] = []
        info = display.display.info
        first, count = info.min_keycode, info.max_keycode - info.min_keycode + 1
        for code, symbols in enumerate(display.get_keyboard_mapping(first, count), first):
            if all(symbol == 0 or symbol >= _MEDIA for symbol in symbols):
                spare.append(code)
                continue
            for level, symbol in enumerate(symbols[:2]):
                if symbol:
                    self._keys.setdefault(symbol, (code, bool(level)))
        # Every program reads the keyboard anew after each request to change it, so long runs of codes come first.
        for run in sorted(_runs(spare), key=len, reverse=True):
            self._spare.update(dict.fromkeys(run, 0))
        self._shift = self._keys[XK.XK_Shift_L][0]

    def perform(self, events: Sequence[Sequence[Any]]) -> None:
        """Carry out events in their order, each a kind and its arguments: see `agentrl.envs.gui.desktop.events`.

        Raises:
            ValueError: there is no such key.
        """
        if clicks := any(kind == "button" for kind, *_ in events):
            # A click in a new action is never the second half of a double click.
            time.sleep(max(0.0, self._pressed_at + DOUBLE_CLICK_S - time.monotonic()))
        text = "".join(arguments[0] for kind, *arguments in events if kind == "text")
        self._lend([symbol for symbol in map(_symbol, text) if symbol not in self._keys])
        for kind, *arguments in events:
            getattr(self, f"_do_{kind}")(*arguments)
        self._display.sync()
        if clicks:
            self._pressed_at = time.monotonic()

    def _do_move(self, x: int, y: int) -> None:
        xtest.fake_input(self._display, X.MotionNotify, x=x, y=y)
        self._drag()

    def _do_moveby(self, dx: int, dy: int) -> None:
        xtest.fake_input(self._display, X.MotionNotify, detail=1, x=dx, y=dy)
        self._drag()

    def _drag(self) -> None:
        """Programs see one motion a frame, and who is dragged to is asked whether that is welcome."""
        if self._held:
            self._display.sync()
            self._windows.settle(DRAG_S)

    def _do_button(self, button: str, down: bool) -> None:
        self._turn(_BUTTONS[button], down)
        if down:
            self._windows.let_through()  # else keys that follow may overtake it
        (self._held.add if down else self._held.discard)(button)

    def _do_scroll(self, dx: int, dy: int) -> None:
        for amount, button in ((abs(dy), _UP if dy > 0 else _DOWN), (abs(dx), _RIGHT if dx > 0 else _LEFT)):
            for _ in range(amount):
                self._turn(button, True)
                self._turn(button, False)

    def _do_key(self, name: str, down: bool) -> None:
        if not (symbol := XK.string_to_keysym(name)):
            raise ValueError(f"no key is called {name!r}")
        self._press(self._key(symbol)[0], down)

    def _do_text(self, text: str) -> None:
        for character in text:
            code, shift = self._key(_symbol(character))
            if shift:
                self._press(self._shift, True)
            self._press(code, True)
            self._press(code, False)
            if shift:
                self._press(self._shift, False)

    def _turn(self, button: int, down: bool) -> None:
        xtest.fake_input(self._display, X.ButtonPress if down else X.ButtonRelease, button)

    def _press(self, code: int, down: bool) -> None:
        xtest.fake_input(self._display, X.KeyPress if down else X.KeyRelease, code)

    def _key(self, symbol: int) -> tuple[int, bool]:
        if symbol not in self._keys:
            self._lend([symbol])
        return self._keys[symbol]

    def _lend(self, symbols: Sequence[int]) -> None:
        """Give as many spare keys as there are these meanings."""
        wanted = list(dict.fromkeys(symbols))[: len(self._spare)]
        if not wanted:
            return
        self._display.sync()
        if any(list(self._spare.values())[: len(wanted)]):
            self._windows.caught_up()  # else programs would look up what a key meant after that has changed
        codes = list(self._spare)[: len(wanted)]
        for code, symbol in zip(codes, wanted, strict=True):
            self._keys.pop(self._spare.pop(code), None)
            self._spare[code], self._keys[symbol] = symbol, (code, False)
        for run in _runs(codes):
            self._display.change_keyboard_mapping(run[0], [(self._spare[code],) * 2 for code in run])
        self._display.sync()
        self._windows.caught_up()


def _runs(codes: Sequence[int]) -> list[list[int]]:
    """The codes, those that follow each other together."""
    runs: list[list[int]] = []
    for code in codes:
        if runs and code == runs[-1][-1] + 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    return runs


def _symbol(character: str) -> int:
    if character in "\n\r\t\b":
        return int(XK.string_to_keysym({"\n": "Return", "\r": "Return", "\t": "Tab", "\b": "BackSpace"}[character]))
    code = ord(character)
    return code if 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xFF else _UNICODE + code
