"""Plans: what a traveller writes down."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ENTRY = re.compile(r"(reason [a-z]{1,12}|[a-z]{1,12} \d{1,2})(?: day (\d))?( by bus)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a plan: a ride, a visit, a night in a hotel, something chosen, or a reason for the choice."""

    name: str
    day: int = 0
    """0 for a reason."""
    bus: bool = False
    """Whether to go there by bus and not on foot; of use for visits only."""

    @property
    def is_reason(self) -> bool:
        return self.name.startswith("reason ")

    def text(self) -> str:
        """As it is written in an action."""
        return f"{self.name}{f' day {self.day}' if self.day else ''}{' by bus' if self.bus else ''}"


Plan = tuple[Entry, ...]


def parse_entry(text: str, day: int | None) -> Entry | None:
    """What a line means; None if nothing.

    Args:
        day: the one that is meant where none is written; None if it must be.
    """
    match = _ENTRY.fullmatch(text)
    if match is None:
        return None
    name, written, by_bus = match.groups()
    if name.startswith("reason "):
        return None if written or by_bus else Entry(name)
    if written is None and day is None:
        return None
    return Entry(name, int(written) if written else day or 0, bool(by_bus))
