"""Names of keys: pyautogui's to X keysyms."""

from __future__ import annotations

import string
from types import MappingProxyType

from agentrl.errors import ActionError, UnknownNameError

_PUNCTUATION = {
    " ": "space", "!": "exclam", '"': "quotedbl", "#": "numbersign", "$": "dollar", "%": "percent", "&": "ampersand",
    "'": "apostrophe", "(": "parenleft", ")": "parenright", "*": "asterisk", "+": "plus", ",": "comma", "-": "minus",
    ".": "period", "/": "slash", ":": "colon", ";": "semicolon", "<": "less", "=": "equal", ">": "greater",
    "?": "question", "@": "at", "[": "bracketleft", "\\": "backslash", "]": "bracketright", "^": "asciicircum",
    "_": "underscore", "`": "grave", "{": "braceleft", "|": "bar", "}": "braceright", "~": "asciitilde",
    "\t": "Tab", "\n": "Return", "\r": "Return",
}  # fmt: skip
_NAMED = {
    "add": "KP_Add", "alt": "Alt_L", "altleft": "Alt_L", "altright": "Alt_R", "apps": "Menu", "backspace": "BackSpace",
    "capslock": "Caps_Lock", "clear": "Clear", "command": "Super_L", "ctrl": "Control_L", "ctrlleft": "Control_L",
    "ctrlright": "Control_R", "decimal": "KP_Decimal", "del": "Delete", "delete": "Delete", "divide": "KP_Divide",
    "down": "Down", "end": "End", "enter": "Return", "esc": "Escape", "escape": "Escape", "execute": "Execute",
    "help": "Help", "home": "Home", "insert": "Insert", "left": "Left", "multiply": "KP_Multiply",
    "numlock": "Num_Lock", "option": "Alt_L", "optionleft": "Alt_L", "optionright": "Alt_R", "pagedown": "Page_Down",
    "pageup": "Page_Up", "pause": "Pause", "pgdn": "Page_Down", "pgup": "Page_Up", "print": "Print",
    "printscreen": "Print", "prntscrn": "Print", "prtsc": "Print", "prtscr": "Print", "return": "Return",
    "right": "Right", "scrolllock": "Scroll_Lock", "select": "Select", "separator": "KP_Separator",
    "shift": "Shift_L", "shiftleft": "Shift_L", "shiftright": "Shift_R", "space": "space",
    "subtract": "KP_Subtract", "tab": "Tab", "up": "Up", "win": "Super_L", "winleft": "Super_L", "winright": "Super_R",
}  # fmt: skip
KEYSYMS = MappingProxyType(
    _PUNCTUATION
    | _NAMED
    | {sign: sign for sign in string.ascii_letters + string.digits}
    | {f"f{n}": f"F{n}" for n in range(1, 25)}
    | {f"num{n}": f"KP_{n}" for n in range(10)}
)
"""Keysym of every key, by the name that pyautogui has for it."""

SHIFTED = frozenset(string.ascii_uppercase + '~!@#$%^&*()_+{}|:"<>?')
"""The signs that take Shift on a keyboard as in the US."""


def keysym(name: str) -> str:
    """The X keysym of a key.

    Raises:
        ActionError: pyautogui has no such key, or X has not.
    """
    known = name if len(name) == 1 else name.lower()
    if known not in KEYSYMS:
        raise ActionError(str(UnknownNameError("key", name, KEYSYMS)))
    return KEYSYMS[known]
