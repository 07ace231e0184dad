"""What the text says, for a planner that has nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agentrl.envs.text.travel.names import THEMES

_NAME = r"[a-z]+ \d+"
_ROW = re.compile(rf"({_NAME})\b(.*)")
_TIMES = re.compile(r"(\d{4}) to (\d{4})")
_NUMBERS = re.compile(r"([a-z]+) (\d+)")


@dataclass(frozen=True, slots=True)
class Row:
    """A line about something."""

    name: str
    numbers: dict[str, int] = field(default_factory=dict)
    """`price`, `seats`, `stars`, `walk`, `visit`, `rating`, as far as they are told."""
    start: str = ""
    end: str = ""
    """Times as written, "0930": they sort like the times."""
    theme: str = ""
    problem: str = ""


def read_rows(text: str) -> list[Row]:
    """The lines that begin with a name."""
    return [_row(*match.groups()) for line in text.splitlines() if (match := _ROW.match(line))]


def _row(name: str, rest: str) -> Row:
    numbers = {word: int(number) for word, number in _NUMBERS.findall(_TIMES.sub("", rest))}
    times = _TIMES.search(rest)
    theme = next((word for word in rest.split() if word in THEMES), "")
    start, end = times.groups() if times else ("", "")
    return Row(name, numbers, start, end, theme, rest.partition(" problem ")[2])


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it reads."""

    kind: str
    party: int
    origin: str
    city: str
    first: int
    last: int
    base: str
    number: int
    hotels: bool
    options: tuple[str, ...]
    must: tuple[str, ...]
    leave: str
    arrive: str
    home: str
    back: str
    budget: int
    each: int
    within: int
    stars: int
    sights: int
    theme: str
    liked: tuple[str, ...]


def read_request(text: str) -> Asked:
    """What a request asks for; what it does not mention gets a value that allows anything."""

    def find(pattern: str, default: str = "") -> str:
        match = re.search(pattern, text)
        return match[1] if match else default

    def number(pattern: str, default: int = 0) -> int:
        return int(find(pattern, str(default)))

    compared = find(rf": ({_NAME}(?: or {_NAME})+)\?")
    first = number(r"day (\d)", 1)
    last = number(r"back on day (\d)", first)
    kind = "compare" if compared else "search" if "Find" in text else "day" if "Plan day" in text else "direction"
    return Asked(
        kind="days" if last > first else kind,
        party=number(r"(\d+) people", 1),
        origin=find(rf"from ({_NAME}) to") or find(rf"people, ({_NAME}) to"),
        city=find(rf"(?: to| in) ({_NAME})"),
        first=first,
        last=last,
        base=find(rf" from (centre|{_NAME}) at") or find(rf"on foot from (centre|{_NAME})"),
        number=number(r"Find (\d+)"),
        hotels="hotel" in text.partition(".")[0].partition(":")[0],
        options=tuple(compared.split(" or ")) if compared else (),
        must=tuple(re.findall(rf"See ({_NAME})\.", text)),
        leave=find(r"(?:Leave after|begin at|\d at) (\d{4})", "0000"),
        arrive=find(r"Arrive by (\d{4})", "2400"),
        home=find(r"home by (\d{4})", "2400"),
        back=find(r"back by (\d{4})", "2400"),
        budget=number(r"Pay at most (\d+)", 10**6),
        each=number(r"Each costs at most (\d+)", 10**6),
        within=number(r"At most (\d+) minutes", 10**6),
        stars=number(r"Stars (\d+)"),
        sights=number(r"See (\d+) sights"),
        theme=find(r"Theme ([a-z]+)"),
        liked=tuple(find(r"We like ([a-z ]+)\.").split(" and ")),
    )
