"""Actions that never reach the interpreter.

A z-machine reads lines: a newline would be a second turn, and some words are orders to the interpreter (save a file,
quit, undo a turn) or TextWorld's own back doors (`print_state` shows the whole map). One action is one command of the
player to the world; anything else is refused, and nothing happens in the game.
"""

from __future__ import annotations

import re

MAX_LENGTH = 198
"""Characters; the interpreter's input buffer, beyond which it would silently cut the action off."""

_WORD_LENGTH = 9  # a .z8 dictionary compares only so many characters

_ORDERS = (
    *("save", "restore", "restart", "quit", "q", "undo", "script", "unscript", "noscript", "transcript"),
    *("notranscript", "verify", "version", "verbose", "long", "brief", "normal", "superbrief", "short"),
    *("notify", "nouns", "pronouns", "oops", "o", "restrict", "enable", "disable", "print_state"),
)
_ORDER_PREFIXES = frozenset(word[:_WORD_LENGTH] for word in _ORDERS)
_SEVERAL = re.compile(r"[.;]|\bthen\b", re.IGNORECASE)


def refusal(action: str) -> str | None:
    """Why `action` (stripped, see `normalise`) is refused; None if it may be played."""
    if not action:
        return "Say what to do."
    if len(action) > MAX_LENGTH:
        return f"A command has at most {MAX_LENGTH} characters."
    if not action.isascii() or not action.isprintable() or "\\" in action:  # Frotz takes orders after a backslash
        return "A command is one line of plain ASCII text."
    if _SEVERAL.search(action):
        return "One command per turn."
    for clause in action.lower().split(","):  # "me, save" gives the order too
        word = clause.split()[0] if clause.split() else ""
        if word[:_WORD_LENGTH] in _ORDER_PREFIXES or word.startswith("tw-"):
            return f"The word {word[:20]!r} is not for the player."
    return None


def normalise(action: str) -> str:
    """Without surrounding white space and the full stop that ends a sentence."""
    return action.strip().rstrip(".!").rstrip()
