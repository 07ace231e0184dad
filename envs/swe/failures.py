"""How a test fails, read from what pytest prints with `--tb=short`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentrl.envs.swe import layout

_HEAD = re.compile(r"_{3,} (?P<title>\S.*?) _{3,}")
_FRAME = re.compile(r"(?P<path>[^\s:]+\.py):\d+: in .*")
_BANNER = re.compile(r"={3,}.*={3,}")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}")
"""Of objects: other ones in every run."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What is to be seen of it from outside of the code under test."""

    statement: str
    """The line of the test that fails."""
    reason: tuple[str, ...]
    """The lines that pytest marks with `E`: the exception, what was compared."""


def failures(log: str) -> dict[str, Failure]:
    """By title: `test_name[parameters]`, `TestClass.test_name`. Frames within the code under test are left out."""
    found: dict[str, Failure] = {}
    title, in_test, statement = "", False, ""
    reason: list[str] = []
    for line in [*log.splitlines(), "=== end ==="]:
        head = _HEAD.fullmatch(line)
        if head or _BANNER.fullmatch(line):
            if title and reason:
                found.setdefault(title, Failure(statement, tuple(reason)))
            title, statement, reason = head["title"] if head else "", "", []
        elif frame := _FRAME.fullmatch(line):
            in_test = layout.is_test(frame["path"])
        elif line.startswith("E  "):
            reason.append(_ADDRESS.sub("0x...", line[1:].removeprefix("   ")))
        elif in_test and line.startswith("    ") and line.strip(" ^~") and not reason:
            statement = line.strip()
    return found


def title(test: str) -> str:
    """That of a test by its node id."""
    return ".".join(test.partition("::")[2].split("::"))
