"""What an agent is shown of a desktop, as text: numbered elements, or the tree as OSWorld writes it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from xml.etree import ElementTree

from agentrl.envs.gui.desktop.session import Desktop, Node, Window
from agentrl.errors import ActionError

MAX_TEXT, MAX_TERMINAL = 400, 2000
"""Characters of the text of an element, and of a terminal."""
_PLAIN = frozenset(
    {
        "filler",
        "panel",
        "scroll pane",
        "split pane",
        "page tab list",
        "separator",
        "viewport",
        "layered pane",
        "unknown",
    }
)
"""Roles that hold others and are of no use by themselves."""
_SAID = ("focused", "selected", "checked", "pressed", "expanded", "editable")
NAMESPACES = {
    "st": "https://accessibility.ubuntu.example.org/ns/state",
    "attr": "https://accessibility.ubuntu.example.org/ns/attributes",
    "cp": "https://accessibility.ubuntu.example.org/ns/component",
}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class View:
    """A desktop at one moment."""

    windows: tuple[Window, ...]
    nodes: tuple[Node, ...]

    @classmethod
    async def of(cls, desktop: Desktop) -> View:
        """Look, once the screen is at rest."""
        return cls(await desktop.windows(), await desktop.tree())

    @cached_property
    def elements(self) -> tuple[Node, ...]:
        """Those that can be told apart and used, in the order of their numbers, which begin with 1.

        The panel's come last, as they are always there.
        """
        useful = [node for node in self.nodes if _useful(node)]
        return tuple(sorted(useful, key=lambda node: node.app == "panel"))

    @cached_property
    def digest(self) -> str:
        """The same for the same view."""
        return hashlib.sha256(f"{self.heading()}\n{self.listing()}".encode("utf-8", "replace")).hexdigest()

    def locate(self, number: int) -> tuple[int, int]:
        """The middle of an element.

        Raises:
            ActionError: no element has that number.
        """
        if not 1 <= number <= len(self.elements):
            raise ActionError(f"there is no element {number}: they are numbered from 1 to {len(self.elements)}")
        return self.elements[number - 1].middle

    def heading(self) -> str:
        """The windows, the focused one first."""
        titles = [json.dumps(w.title, ensure_ascii=False) for w in sorted(self.windows, key=lambda w: not w.focused)]
        focused = any(window.focused for window in self.windows)
        return f"Focused window: {titles.pop(0) if focused else 'none'}\nOther windows: {', '.join(titles) or 'none'}"

    def listing(self) -> str:
        """The elements by program, and what terminals show."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        app = None
        for number, node in enumerate(self.elements, 1):
            if node.app != app:
                app = node.app
                yield f"{app}:"
            parts = [f"[{number}] {node.role}"]
            if node.name:
                parts.append(json.dumps(node.name[:MAX_TEXT], ensure_ascii=False))
            if node.text and node.text != node.name and node.role != "terminal":
                parts.append(f"= {json.dumps(node.text[:MAX_TEXT], ensure_ascii=False)}")
            parts += [state for state in _SAID if state in node.states]
            if "sensitive" not in node.states:
                parts.append("disabled")
            yield f"  {' '.join(parts)} at {node.x},{node.y} size {node.width}x{node.height}"
        for node in self.nodes:
            if node.role == "terminal":
                yield f"Terminal:\n{node.text[-MAX_TERMINAL:]}"

    def xml(self) -> str:
        """All elements, in the form of OSWorld on Ubuntu."""
        for prefix, address in NAMESPACES.items():
            ElementTree.register_namespace(prefix, address)
        root = ElementTree.Element("desktop-frame")
        path: list[ElementTree.Element] = []
        app = None
        for node in self.nodes:
            if node.app != app:
                app = node.app
                path = [ElementTree.SubElement(root, "application", name=_clean(app))]
            del path[node.depth :]
            attributes = {f"{{{NAMESPACES['st']}}}{state}": "true" for state in sorted(node.states)}
            attributes[f"{{{NAMESPACES['cp']}}}screencoord"] = f"({node.x}, {node.y})"
            attributes[f"{{{NAMESPACES['cp']}}}size"] = f"({node.width}, {node.height})"
            tag = re.sub(r"[^\w-]+", "-", node.role) or "unknown"
            element = ElementTree.SubElement(path[-1], tag, {"name": _clean(node.name), **attributes})
            element.text = _clean(node.text) or None
            path.append(element)
        ElementTree.indent(root, "")
        return ElementTree.tostring(root, encoding="unicode")


def _useful(node: Node) -> bool:
    if node.width <= 0 or node.height <= 0 or node.role in _PLAIN:
        return False
    usable = node.states & {"editable", "focusable", "focused"} and node.role != "table cell"
    return bool(node.name or node.text or usable)


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)
