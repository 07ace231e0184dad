"""What a traveller asks for, as data and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentrl.envs.text.travel.world import clock

KINDS = ("direction", "search", "compare", "day", "days")

TERMS: dict[str, tuple[str, ...]] = {
    "direction": ("cost", "time", "early", "mode", "direct"),
    "search/sight": ("cost", "near", "rating"),
    "search/hotel": ("cost", "near", "rating"),
    "compare/hotel": ("cost", "near", "rating", "reasons"),
    "compare/ride": ("cost", "time", "early", "reasons"),
    "day": ("themes", "cost", "slack", "comfort", "pace", "rating"),
    "days": ("themes", "cost", "slack", "comfort", "pace", "rating", "time"),
}
"""Rubric terms of each kind of request, see `rubric.py`."""

WISHES = {
    "cost": "a low price",
    "time": "a short journey",
    "early": "an early arrival",
    "mode": "going by {mode}",
    "direct": "no change",
    "near": "a short walk",
    "rating": "a good rating",
    "themes": "our themes",
    "slack": "time in hand before closing",
    "comfort": "little walking",
    "pace": "the right pace",
}
"""How terms are wished for. Nobody wishes for reasons; they are always welcome."""

_OPENINGS = {
    "direction": "{party} people travel from {origin} to {city} on day {first}.",
    "search/sight": "Find {number} sights in {city} for day {first}.",
    "search/hotel": "Find {number} hotels in {city} for day {first}.",
    "compare/hotel": "Which hotel in {city} on day {first}: {options}?",
    "compare/ride": "{party} people, {origin} to {city} on day {first}: {options}?",
    "day": "Plan day {first} in {city} from {base} at {starts}.",
    "days": "{party} people travel from {origin} to {city} on day {first}, back on day {last}. Days begin at {starts}.",
}
_LIMITS = {
    "leave_after": "Leave after {clock}.",
    "arrive_by": "Arrive by {clock}.",
    "budget": "Pay at most {value} in all.",
    "price_each": "Each costs at most {value}.",
    "theme": "Theme {value}.",
    "within": "At most {value} minutes on foot from {base}.",
    "stars": "Stars {value} or more.",
    "reasons": "Give reasons.",
    "must": "See {value}.",
    "sights": "See {value} sights or more.",
    "back_by": "Be back by {clock}.",
    "home_by": "Be home by {clock}.",
}
"""How constraints are told. Those that are missing here follow from the opening."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request of a kind; fields that its kind has no use for keep their defaults."""

    kind: str
    sort: str = ""
    """What is searched for or compared: `sight`, `hotel` or `ride`."""
    party: int = 1
    city: str = ""
    """Where the trip goes, or where to look."""
    origin: str = ""
    """Where the trip begins and, for `days`, ends."""
    first: int = 1
    last: int = 1
    """Days."""
    starts: int = 9 * 60
    """When each day begins."""
    base: str = ""
    """The place where a day begins and ends, or from which walks are measured; "" for the centre."""
    options: tuple[str, ...] = ()
    """What to compare."""
    limits: tuple[tuple[str, Any], ...] = ()
    """Hard constraints: names in `constraints.CHECKS` and what to hold; a name may occur again."""
    wishes: tuple[str, ...] = ()
    """Terms that matter most and second most."""
    themes: tuple[str, ...] = ()
    mode: str = ""
    """`flight` or `train`."""
    pace: int = 0
    """Number of sights wished for."""

    @property
    def form(self) -> str:
        """Kind and sort, e.g. `search/hotel`: key of `TERMS`."""
        return f"{self.kind}/{self.sort}" if self.sort else self.kind

    @property
    def timed(self) -> bool:
        """Whether a plan is an itinerary; otherwise it is a choice."""
        return self.kind in ("direction", "day", "days")

    @property
    def default_day(self) -> int | None:
        """The day that an entry without one is for."""
        return self.first if self.first == self.last else None

    def limit(self, name: str) -> Any:
        """What the constraint of that name asks for; None if there is none."""
        return next((value for known, value in self.limits if known == name), None)

    def text(self) -> str:
        """In words."""
        fields = {
            "party": self.party,
            "origin": self.origin,
            "city": self.city,
            "first": self.first,
            "last": self.last,
            "starts": clock(self.starts),
            "base": self.base or "centre",
            "options": " or ".join(self.options),
            "number": self.limit("number"),
            "mode": self.mode,
        }
        sentences = [_OPENINGS[self.form].format(**fields)]
        for name, value in self.limits:
            if name in _LIMITS:
                told = clock(value) if "clock" in _LIMITS[name] else ""
                sentences.append(_LIMITS[name].format(**{**fields, "value": value, "clock": told}))
        if self.mode:
            sentences.append(f"Rather by {self.mode}.")
        if self.themes:
            sentences.append(f"We like {' and '.join(self.themes)}.")
        if self.pace:
            sentences.append(f"Best are {self.pace} sights.")
        first, second = (WISHES[wish].format(**fields) for wish in self.wishes)
        sentences.append(f"Above all {first}, then {second}.")
        return " ".join(sentences)
