"""Pages of an application that does not exist, each made from a seed.

Every place and size is a number of pixels in a style, so that elements are at the same places with any fonts.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from agentrl.envs.gui.grounding import words

SIZE = (800, 600)
"""Of the screen, in pixels."""
_STYLES = (
    ("#ffffff", "#1c2430", "#e8ebf0", "#2f6fde"),
    ("#14181f", "#e4e7ec", "#262d38", "#5b97ea"),
    ("#fbf6ea", "#3b3024", "#eadfc6", "#a8552c"),
    ("#f2f7f4", "#16302a", "#d5e6de", "#1f7a5c"),
)
"""Paper, ink, surface and accent."""


@dataclass(frozen=True, slots=True)
class Element:
    """Something to point at; in the page it has the attribute `data-target` with its number."""

    kind: str
    description: str
    """No other element of the page fits it."""


@dataclass(slots=True)
class Page:
    """A page while it is made."""

    rng: random.Random
    targets: list[Element] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    def put(self, x: int, y: int, width: int, height: int, body: str, tag: str = "div", more: str = "") -> None:
        """Put an element at a place, with attributes `more`."""
        style = f"left:{x}px;top:{y}px;width:{width}px;height:{height}px;line-height:{height}px"
        closing = "" if tag == "input" else f"{body}</{tag}>"
        self.parts.append(f'<{tag} style="{style}" {more}>{closing}')

    def target(self, kind: str, description: str) -> str:
        """The attribute of an element that the page describes so."""
        self.targets.append(Element(kind, description))
        return f'data-target="{len(self.targets) - 1}"'


def page(seed: int) -> tuple[str, list[Element]]:
    """The document of a seed, and what can be pointed at in it."""
    rng = random.Random(f"grounding {seed}")
    made = Page(rng)
    paper, ink, surface, accent = rng.choice(_STYLES)
    _toolbar(made)
    _navigation(made)
    for place, section in zip(((180, 70), (180, 335)), rng.sample(_PARTS, 2), strict=True):
        section(made, *place)
    style = (
        f"html,body{{margin:0;background:{paper};color:{ink};font:13px sans-serif;overflow:hidden}}"
        "body *{position:absolute;box-sizing:border-box;margin:0;padding:0;overflow:hidden;white-space:nowrap}"
        f"button,input{{background:{surface};color:{ink};font:12px sans-serif;text-align:center}}"
        f"button,input{{border:1px solid {accent};border-radius:{rng.choice((0, 3, 9))}px}}"
        f"a{{color:{accent}}}h2{{font-size:15px}}"
        f"svg{{left:3px;top:3px;fill:none;stroke:{ink};stroke-width:2}}"
    )
    title = f"{rng.choice(words.SECTIONS)} {rng.randint(2, 99)}"
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{style}</style>'
    return f"{head}<body>{''.join(made.parts)}</body></html>", made.targets


def _toolbar(page: Page) -> None:
    side = page.rng.choice((24, 30, 36))
    for i, name in enumerate(page.rng.sample(sorted(words.ICONS), page.rng.randint(6, 11))):
        size = f'width="{side - 8}" height="{side - 8}" viewBox="0 0 24 24"'
        drawing = f'<svg {size} aria-hidden="true"><path d="{words.ICONS[name]}"/></svg>'
        mark = page.target("icon", f"the {name} icon in the toolbar")
        page.put(180 + i * (side + 12), 14, side, side, drawing, "button", f'{mark} aria-label="{name}"')


def _navigation(page: Page) -> None:
    height = page.rng.choice((20, 28, 36))
    for i, name in enumerate(page.rng.sample(words.SECTIONS, page.rng.randint(5, 9))):
        mark = page.target("link", f'the link "{name}" in the navigation')
        page.put(16, 70 + i * (height + 10), 120, height, name, "a", f'{mark} href="#"')


def _form(page: Page, x: int, y: int) -> None:
    page.put(x, y, 300, 24, "Address", "h2")
    for i, name in enumerate(page.rng.sample(words.FIELDS, 5)):
        row = y + 34 + i * 34
        page.put(x, row, 100, 26, name)
        mark = page.target("field", f"the field for {name}")
        page.put(x + 110, row, 180, 26, "", "input", f'{mark} aria-label="{name}"')
    for i, name in enumerate(page.rng.sample(words.CHOICES, 4)):
        row = y + 34 + i * 34
        mark = page.target("checkbox", f'the checkbox "{name}"')
        page.put(x + 330, row + 4, 16, 16, "", "input", f'type="checkbox" {mark} aria-label="{name}"')
        page.put(x + 356, row, 200, 24, name)
    for i, name in enumerate(page.rng.sample(("Send", "Cancel", "Reset", "Preview"), 3)):
        mark = page.target("button", f'the button "{name}" below the form')
        page.put(x + i * 100, y + 212, 88, 28, name, "button", mark)


def _table(page: Page, x: int, y: int) -> None:
    page.put(x, y, 300, 24, "Stock", "h2")
    actions = page.rng.sample(words.ACTIONS, 3)
    for i, thing in enumerate(page.rng.sample(words.STOCK, 6)):
        row = y + 34 + i * 34
        page.put(x, row, 130, 24, thing)
        page.put(x + 140, row, 60, 24, str(page.rng.randint(1, 400)))
        for j, action in enumerate(actions):
            mark = page.target("table", f'the button "{action}" in the row of {thing}')
            page.put(x + 220 + j * 84, row, 74, 24, action, "button", mark)


def _cards(page: Page, x: int, y: int) -> None:
    page.put(x, y, 300, 24, "Offers", "h2")
    for i, thing in enumerate(page.rng.sample(words.OFFERS, 6)):
        left, top = x + i % 3 * 200, y + 34 + i // 3 * 112
        page.put(left, top, 180, 24, thing, "h3")
        page.put(left, top + 28, 80, 24, f"{page.rng.randint(2, 90)} €")
        for j, word in enumerate(("Buy", "Later")):
            mark = page.target("card", f'the button "{word}" of {thing}')
            page.put(left + j * 84, top + 58, 72, 26, word, "button", mark)


def _calendar(page: Page, x: int, y: int) -> None:
    page.put(x, y, 300, 24, page.rng.choice(words.MONTHS), "h2")
    first, width = page.rng.randrange(7), page.rng.choice((30, 44, 60))
    for day in range(1, 31):
        column, row = (first + day - 1) % 7, (first + day - 1) // 7
        mark = page.target("day", f"day {day} in the calendar")
        page.put(x + column * (width + 6), y + 34 + row * 34, width, 26, str(day), "button", mark)


def _colours(page: Page, x: int, y: int) -> None:
    page.put(x, y, 300, 24, "Colour", "h2")
    names, side = page.rng.sample(sorted(words.COLOURS), 8), page.rng.choice((14, 22, 40))
    places = page.rng.sample([(column, row) for column in range(10) for row in range(3)], len(names))
    for name, (column, row) in zip(names, places, strict=True):
        mark = page.target("colour", f"the {name} square")
        body = f'<div style="inset:0;background:{words.COLOURS[name]}"></div>'
        page.put(x + column * 58, y + 40 + row * 58, side, side, body, "button", f'{mark} aria-label="{name}"')


_PARTS: tuple[Callable[[Page, int, int], None], ...] = (_form, _table, _cards, _calendar, _colours)
