"""Ids of tasks: `test/17` is on a page, `test/desktop/17` on a desktop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from agentrl.envs.gui.grounding.desktop_scenes import DesktopTask
from agentrl.envs.gui.grounding.page_scenes import PageTask
from agentrl.envs.gui.grounding.scenes import Task
from agentrl.envs.lazy_ids import LazyIds
from agentrl.errors import UnknownNameError

Screen = Literal["page", "desktop", "both"]
SIZES = {"train": 100_000, "valid": 500, "test": 500}
"""Tasks of each split, on pages and again on desktops."""
_FIRST_PAGE = {"train": 1_000_000, "valid": 1_000, "test": 0}


def task_ids(split: str, screen: Screen) -> LazyIds:
    """All tasks of a split; of both screens they take turns.

    Raises:
        UnknownNameError: there is no such split.
    """
    if split not in SIZES:
        raise UnknownNameError("split", split, SIZES)
    names: dict[Screen, Callable[[int], str]] = {
        "page": lambda i: f"{split}/{i}",
        "desktop": lambda i: f"{split}/desktop/{i}",
        "both": lambda i: f"{split}/desktop/{i // 2}" if i % 2 else f"{split}/{i // 2}",
    }
    return LazyIds(range(SIZES[split] * (1 + (screen == "both"))), names[screen])


def make_task(task_id: str) -> Task:
    """The task with an id.

    Raises:
        UnknownNameError: there is none.
    """
    split, _, rest = task_id.partition("/")
    number = rest.removeprefix("desktop/")
    known = split in SIZES and number.isascii() and number.isdecimal() and len(number) <= 6
    if not known or int(number) >= SIZES[split] or str(int(number)) != number:
        raise UnknownNameError("task", task_id, [f"{name}/{part}0" for name in SIZES for part in ("", "desktop/")])
    return PageTask(_FIRST_PAGE[split] + int(number)) if rest == number else DesktopTask.numbered(split, int(number))
