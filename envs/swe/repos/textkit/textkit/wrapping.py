"""Paragraphs in a given width."""

from __future__ import annotations


def wrap(text: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    """Lines of at most `width` characters, broken between words; a longer word is cut.

    Args:
        first: what the first line begins with.
        rest: what all further lines begin with.

    Raises:
        ValueError: no character fits beside `first` or `rest`.
    """
    if width <= max(len(first), len(rest)):
        raise ValueError(f"a width of {width} leaves no room for text")
    lines: list[str] = []
    current: list[str] = []
    used = 0
    prefix = first
    for word in text.split():
        remaining = word
        while remaining:
            room = width - len(prefix) - used - (1 if current else 0)
            if len(remaining) <= room:
                current.append(remaining)
                used += len(remaining) + (1 if len(current) > 1 else 0)
                break
            if not current:
                current.append(remaining[:room])
                remaining = remaining[room:]
            lines.append(prefix + " ".join(current))
            current, used, prefix = [], 0, rest
    if current:
        lines.append(prefix + " ".join(current))
    return lines


def justify(text: str, width: int) -> list[str]:
    """Lines of exactly `width` characters where they have several words; the last stays as it is.

    Spaces that do not go evenly between the words go to the left.
    """
    lines = wrap(text, width)
    return [_stretched(line, width) for line in lines[:-1]] + lines[-1:]


def _stretched(line: str, width: int) -> str:
    words = line.split()
    if len(words) == 1:
        return line
    places = len(words) - 1
    spaces, extra = divmod(width - sum(map(len, words)), places)
    made = words[0]
    for place, word in enumerate(words[1:]):
        made += " " * (spaces + (1 if place < extra else 0)) + word
    return made


def center(lines: list[str], width: int, fill: str = " ") -> list[str]:
    """Each line in the middle; of an odd number of spaces one more stands to the right."""
    made = []
    for line in lines:
        missing = max(width - len(line), 0)
        left = missing // 2
        made.append(fill * left + line + fill * (missing - left))
    return made


def indent(text: str, prefix: str) -> str:
    """The prefix before every line that is not blank."""
    return "\n".join(prefix + line if line.strip() else line for line in text.split("\n"))


def dedent(text: str) -> str:
    """Without the spaces that all lines begin with; blank lines do not count, and become empty."""
    lines = text.split("\n")
    margins = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip()]
    margin = min(margins, default=0)
    return "\n".join(line[margin:] if line.strip() else "" for line in lines)


def truncate(text: str, width: int, *, mark: str = "...", middle: bool = False) -> str:
    """At most `width` characters: what is too long ends in `mark`, or has it in the middle.

    Raises:
        ValueError: the mark alone is longer.
    """
    if len(text) <= width:
        return text
    keep = width - len(mark)
    if keep < 0:
        raise ValueError(f"{mark!r} is longer than {width}")
    if not middle:
        return text[:keep].rstrip() + mark
    tail = keep // 2
    head = keep - tail
    return text[:head] + mark + (text[-tail:] if tail else "")
