"""What an oracle sees of a page, and the actions that it can write about it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_FACTS = """css => [...document.querySelectorAll(css)].map(e => {
    const box = e.getBoundingClientRect();
    const clean = text => (text ?? "").replace(/\\s+/g, " ").trim();
    return {
        id: __agentrl.known(e),
        text: clean(e.textContent),
        label: clean(e.labels?.[0]?.textContent),
        value: e.value ?? "",
        shown: e.checkVisibility({visibilityProperty: true}),
        left: box.left, top: box.top, width: box.width, height: box.height,
        attributes: Object.fromEntries([...e.attributes].map(a => [a.name, a.value])),
    };
})"""


@dataclass(frozen=True, slots=True)
class Element:
    """An element of the page. Elements that no observation has named yet are pointed at by their middle."""

    id: str
    text: str
    label: str
    value: str
    shown: bool
    left: float
    top: float
    width: float
    height: float
    attributes: Mapping[str, str]

    @property
    def x(self) -> float:
        return self.left + self.width / 2

    @property
    def y(self) -> float:
        return self.top + self.height / 2

    def click(self) -> str:
        return f"click({self.id!r})" if self.id else f"mouse_click({self.x:g}, {self.y:g})"

    def hover(self) -> str:
        return f"hover({self.id!r})" if self.id else f"mouse_move({self.x:g}, {self.y:g})"

    def fill(self, text: object) -> str:
        return f"fill({self.id!r}, {str(text)!r})"


@dataclass(frozen=True, slots=True)
class Page:
    """The page as it is when it is asked."""

    goal: str
    """What the task says."""
    evaluate: Callable[[str], Any]
    """Runs JavaScript in the page."""

    @property
    def quoted(self) -> list[str]:
        """What stands in quotes in the goal."""
        return re.findall(r'"([^"]*)"', self.goal)

    def match(self, pattern: str) -> tuple[str, ...]:
        """The groups of a pattern that the goal has somewhere."""
        found = re.search(pattern, self.goal)
        assert found, f"{pattern} is not in {self.goal!r}"
        return found.groups()

    def all(self, css: str) -> list[Element]:
        """The elements of a selector, in the order of the document."""
        return [Element(**facts) for facts in self.evaluate(f"({_FACTS})({json.dumps(css)})")]

    def one(self, css: str, text: str | None = None) -> Element:
        """The first of `all` that can be seen and has this text or label, if one is given."""
        found = self.all(css)
        fitting = [e for e in found if e.shown and text in (None, e.text, e.label, e.value)]
        assert fitting, f"no {css} with {text!r} among {[e.text for e in found]}"
        return fitting[0]


Solver = Callable[[Page], Iterator[str]]
"""Yields actions; looks at the page again after each as it likes."""

SUBMIT = "#subbtn"


def position(word: str) -> int:
    """Of `1st`, `2nd` …, from 0."""
    return int(word.rstrip("sthndr")) - 1
