"""How the oracles act: what they find in the tree, and what they do to it, written as an agent would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from agentrl.envs.gui.desktop.session import Desktop, Node
from agentrl.errors import InfraError

PATIENCE_S = 20.0
"""Until an element shows."""


def click(node: Node) -> str:
    return f"pyautogui.click{node.middle}"


def double_click(node: Node) -> str:
    return click(node).replace("click", "doubleClick")


def write(text: str) -> str:
    return f"pyautogui.write({text!r})"


def press(key: str, times: int = 1) -> str:
    return f"pyautogui.press({key!r}, presses={times})" if times > 1 else f"pyautogui.press({key!r})"


def hotkey(*keys: str) -> str:
    return f"pyautogui.hotkey({', '.join(map(repr, keys))})"


async def find(desktop: Desktop, role: str, name: str | None = None, *, app: str = "") -> Node:
    """The first element with that role and, if given, that name; waits until it shows.

    Raises:
        InfraError: it does not.
    """
    return await find_by(
        desktop,
        f"{role} {name!r}",
        lambda node: node.role == role and name in (None, node.name.strip()) and app in node.app,
    )


async def find_by(desktop: Desktop, what: str, fits: Callable[[Node], bool]) -> Node:
    """The first element that fits; waits until it shows.

    Raises:
        InfraError: it does not.
    """
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        for node in await desktop.tree():
            if fits(node):
                return node
        await asyncio.sleep(0.1)
    raise InfraError(f"the oracle sees no {what} within {PATIENCE_S:g} s")
