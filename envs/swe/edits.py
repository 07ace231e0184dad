"""Edits of one line in a small language: `LINE OLD NEW`, or `LINE OLD => NEW` where there are spaces in them.

OLD is a run of whole tokens that comes once in the line: `<` is not found in `a <= b`, nor `x` in `max`.
"""

from __future__ import annotations

import re

from agentrl.errors import AgentRLError

_TOKEN = re.compile(r"\w+|[<>=!+\-*/%&|^@:]=|\*\*|//|<<|>>|->|\S")
_ARROW = " => "


class EditError(AgentRLError, ValueError):
    """It is no edit, or not one of this line."""


def parse(text: str) -> tuple[int, str, str]:
    """Line, old and new text.

    Raises:
        EditError: it is no edit.
    """
    number, _, rest = text.strip().partition(" ")
    parts = rest.split(_ARROW) if _ARROW in rest else rest.split()
    if not re.fullmatch(r"\d{1,6}", number, re.ASCII) or len(parts) != 2 or not all(part.strip() for part in parts):
        raise EditError("write replace LINE OLD NEW, or replace LINE OLD => NEW")
    return int(number), parts[0].strip(), parts[1].strip()


def text_of(line: int, old: str, new: str) -> str:
    """What `parse` reads."""
    plain = old.split() == [old] and new.split() == [new]
    return f"{line} {old} {new}" if plain else f"{line} {old}{_ARROW}{new}"


def replace(line: str, old: str, new: str) -> str:
    """The line with `new` in place of `old`.

    Raises:
        EditError: `old` does not come in it, or several times.
    """
    places = _places(line, _tokens(old))
    if len(places) != 1:
        raise EditError(f"{old} comes {len(places)} times in that line" + (": take more of it" if places else ""))
    [(begin, end)] = places
    return line[:begin] + new + line[end:]


def shortest(before: str, after: str) -> tuple[str, str] | None:
    """Old and new text of the shortest edit between two lines; None if no edit leads from one to the other."""
    spans = [match.span() for match in _TOKEN.finditer(before)]
    for length in range(1, len(spans) + 1):
        for first in range(len(spans) - length + 1):
            begin, end = spans[first][0], spans[first + length - 1][1]
            head, tail = before[:begin], before[end:]
            if len(after) >= len(head) + len(tail) and after.startswith(head) and after.endswith(tail):
                old, new = before[begin:end], after[begin : len(after) - len(tail)]
                if new and new == new.strip() and len(_places(before, _tokens(old))) == 1:
                    return old, new
    return None


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _places(line: str, wanted: list[str]) -> list[tuple[int, int]]:
    """Where a run of tokens stands in a line: begin and end."""
    found = list(_TOKEN.finditer(line))
    starts = range(len(found) - len(wanted) + 1)
    same = (i for i in starts if [match[0] for match in found[i : i + len(wanted)]] == wanted)
    return [(found[i].start(), found[i + len(wanted) - 1].end()) for i in same]
