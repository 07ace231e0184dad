"""The small action language: replacements within a line, by its words and signs.

    replace 7 < <=
    replace 3 end - 1 => end

A line is a row of atoms: words, numbers, and operators and other signs. What is replaced is given by its atoms, however
they are spaced, and must stand in the line exactly once.
"""

from __future__ import annotations

import itertools
import re

_ATOM = re.compile(r"\w+|(?:\*\*|//|<<|>>|[-+*/%&|^@<>=!:])=|->|\*\*|//|<<|>>|[^\w\s]")
ARROW = "=>"


class EditError(ValueError):
    """It cannot be replaced; the message is for the agent."""


def tokens(text: str) -> list[str]:
    """The atoms of a text."""
    return _ATOM.findall(text)


def parse(text: str) -> tuple[int, str, str]:
    """Line number, old and new, of `LINE OLD NEW`, or `LINE OLD => NEW` where one of them has spaces or is empty.

    Raises:
        EditError: it is not of this form.
    """
    number, _, rest = text.strip().partition(" ")
    old, arrow, new = f"{rest} ".partition(f" {ARROW} ")
    if not arrow:
        words = rest.split()
        if len(words) != 2:
            raise EditError(f"write replace LINE OLD NEW, or replace LINE OLD {ARROW} NEW where they have spaces")
        old, new = words
    if not re.fullmatch(r"\d{1,6}", number, re.ASCII) or not old.strip():
        raise EditError("write replace, the number of a line, and what stands there")
    return int(number), old.strip(), new.strip()


def text_of(line: int, old: str, new: str) -> str:
    """What `parse` takes."""
    short = len(old.split()) == len(new.split()) == 1
    return f"{line} {old} {new}" if short else f"{line} {old} {ARROW} {new}".rstrip()


def replace(line: str, old: str, new: str) -> str:
    """The line with one for the other.

    Raises:
        EditError: `old` does not stand in it exactly once.
    """
    atoms, wanted = list(_ATOM.finditer(line)), tokens(old)
    said = [atom[0] for atom in atoms]
    places = [i for i in range(len(said) - len(wanted) + 1) if said[i : i + len(wanted)] == wanted] if wanted else []
    if len(places) != 1:
        more = ": give more of it" if places else ""
        raise EditError(f"{old[:80]} stands {len(places)} times in that line{more}")
    first, last = atoms[places[0]], atoms[places[0] + len(wanted) - 1]
    return line[: first.start()] + new + line[last.end() :]


def shortest(before: str, after: str) -> tuple[str, str] | None:
    """The shortest `old`, and its `new`, that make one line of the other; None if no replacement does."""
    if before == after:
        return None
    old, new = list(_ATOM.finditer(before)), list(_ATOM.finditer(after))
    same = min(len(old), len(new))
    head = next((i for i in range(same) if old[i][0] != new[i][0]), same)
    tail = next((i for i in range(same - head) if old[-1 - i][0] != new[-1 - i][0]), same - head)
    for left, right in sorted(itertools.product(range(head + 1), range(tail + 1)), key=sum, reverse=True):
        one, other = (_between(line, atoms, left, len(atoms) - right) for line, atoms in ((before, old), (after, new)))
        try:
            if one and ARROW not in f"{one} {other}" and replace(before, one, other) == after:
                return one, other
        except EditError:
            continue
    return None


def _between(line: str, atoms: list[re.Match[str]], first: int, last: int) -> str:
    return line[atoms[first].start() : atoms[last - 1].end()] if first < last else ""
