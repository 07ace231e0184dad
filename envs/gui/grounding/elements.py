"""What of a desktop can be pointed at: elements that are in sight, each with words that fit no other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentrl.envs.gui.desktop.inside.programs import PROGRAMS
from agentrl.envs.gui.desktop.session import Node, Size
from agentrl.envs.gui.desktop.view import View
from agentrl.envs.gui.grounding.reward import Box
from agentrl.envs.gui.grounding.scenes import Target

ROLES = {
    "check box": "checkbox",
    "check menu item": "menu item",
    "combo box": "drop-down list",
    "entry": "field",
    "link": "link",
    "menu": "menu",
    "menu item": "menu item",
    "page tab": "tab",
    "push button": "button",
    "radio button": "radio button",
    "radio menu item": "menu item",
    "spin button": "number field",
    "table cell": "cell",
    "table column header": "column header",
    "toggle button": "button",
}
"""What people call them, by the roles of AT-SPI; nothing else is pointed at."""
MAX_NAME, MIN_SIDE = 60, 6
"""Characters of a name at most, and pixels of a side at least."""
PROGRAM_NAMES = {argv[0]: name for name, argv in PROGRAMS.items()}
"""By command, which is how a program calls itself in the tree, but for capitals."""
_FRAME = 28
"""Pixels around a window that may belong to it: its title bar is above."""
_VIEWPORTS = frozenset(
    {"dialog", "directory pane", "document web", "file chooser", "frame", "scroll pane", "table", "viewport"}
)
"""Roles that show of what they hold only as much as they have room for."""
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@dataclass(frozen=True, slots=True)
class Element:
    """A node, and where it is."""

    node: Node
    path: tuple[Node, ...]
    """What it is in, the window first."""
    box: Box
    """What of it is on the screen and not cut off."""
    height: float
    """Its place in the pile of windows and open menus, the lowest 0."""

    @property
    def window(self) -> Node:
        return self.path[0] if self.path else self.node

    @property
    def menu(self) -> Node | None:
        """The open menu that it is in."""
        return next((node for node in reversed(self.path) if node.role == "menu"), None)


def targets(view: View, size: Size) -> tuple[Target, ...]:
    """All that is in sight and can be told apart, in the order of the view's listing, whose numbers are the ids."""
    elements = list(_elements(view, size))
    numbers = {id(node): number for number, node in enumerate(view.elements, 1)}
    alike = defaultdict(list)
    for element in elements:
        if id(element.node) in numbers and _nameable(element.node):
            alike[_words(element)].append(element)
    covers = _covers(view, elements)
    found = {
        numbers[id(element.node)]: Target(str(numbers[id(element.node)]), description, element.box)
        for words, group in alike.items()
        if all(_in_sight(element, covers) for element in group)
        for description, element in _told_apart(words, group)
    }
    return tuple(found[number] for number in sorted(found))


def _nameable(node: Node) -> bool:
    name = node.name
    return node.role in ROLES and 0 < len(name) <= MAX_NAME and name.isprintable() and name != node.app


def _elements(view: View, size: Size) -> Iterator[Element]:
    heights = {window.title: float(height) for height, window in enumerate(view.windows)}
    path: list[Node] = []
    for node in view.nodes:
        del path[node.depth - 1 :]
        top = path[0] if path else node
        hangs = any(above.role == "menu" for above in path)
        box = _cut(_box(node), Box(0, 0, *size))
        for above in () if hangs else path:
            if above.role in _VIEWPORTS:
                box = _cut(box, _box(above))
        if top.app == "panel":
            yield Element(node, tuple(path), box, math.inf)
        elif top.name in heights:  # else it only says that it shows, as lists do of Chromium's that are not open
            yield Element(node, tuple(path), box, heights[top.name] + 0.5 * hangs)
        path.append(node)


def _box(node: Node) -> Box:
    return Box(node.x, node.y, node.width, node.height)


def _cut(box: Box, limit: Box) -> Box:
    """What of a box is within another one."""
    left, top = max(box.left, limit.left), max(box.top, limit.top)
    right = min(box.left + box.width, limit.left + limit.width)
    bottom = min(box.top + box.height, limit.top + limit.height)
    return Box(left, top, max(0, right - left), max(0, bottom - top))


# -- whether it is in sight --------------------------------------------------------------------------------------------


def _covers(view: View, elements: Sequence[Element]) -> list[tuple[float, Box]]:
    """What may lie on top of elements: its place in the pile, and what it covers at most."""
    windows = [
        (float(height), Box(w.x - _FRAME, w.y - _FRAME, w.width + 2 * _FRAME, w.height + 2 * _FRAME))
        for height, w in enumerate(view.windows)
        if not w.hidden
    ]
    return windows + [(e.height, e.box) for e in elements if e.menu or e.node.app == "panel"]


def _in_sight(element: Element, covers: Sequence[tuple[float, Box]]) -> bool:
    """Whether enough of it to be aimed at is on the screen and not cut off, and nothing lies on that."""
    box, node = element.box, element.node
    return (
        min(box.width, box.height) >= MIN_SIDE
        and 2 * box.width * box.height >= node.width * node.height
        and not any(height > element.height and _meet(box, cover) for height, cover in covers)
    )


def _meet(one: Box, other: Box) -> bool:
    return (
        one.left < other.left + other.width
        and other.left < one.left + one.width
        and one.top < other.top + other.height
        and other.top < one.top + one.height
    )


# -- how it is described -----------------------------------------------------------------------------------------------


def _words(element: Element) -> str:
    node, window = element.node, element.window
    program = PROGRAM_NAMES.get(node.app.lower(), node.app)
    where = ""
    if element.menu:
        where = f' in the menu "{element.menu.name}"'
    elif window.role != "frame":
        where = f' in the window "{window.name}"'
    return f'{program}: the {ROLES[node.role]} "{node.name}"{where}'


def _told_apart(words: str, group: Sequence[Element]) -> Iterator[tuple[str, Element]]:
    """Those of the same words, by their order in a row or column; none where they are in neither."""
    if len(group) == 1:
        yield words, group[0]
    elif len(group) <= len(_ORDINALS):
        boxes = [element.box for element in group]
        apart = not any(_meet(one, other) for one in boxes for other in boxes if one is not other)
        for side, across in ((0, 1), (1, 0)):
            if apart and max(box[across] for box in boxes) - min(box[across] for box in boxes) < MIN_SIDE:
                ordered = sorted(group, key=lambda element: element.box[side])
                for ordinal, element in zip(_ORDINALS, ordered, strict=False):
                    yield f"{words}, the {ordinal} of {len(group)} from the {('left', 'top')[side]}", element
                return
