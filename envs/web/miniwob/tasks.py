"""Ids of the tasks: `test/click-button/17`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentrl.envs.lazy_ids import LazyIds
from agentrl.envs.web.miniwob.pages import names
from agentrl.errors import UnknownNameError

SIZES = {"train": 100_000, "valid": 100, "test": 100}
"""Seeds of each split, for every task."""
_FIRST = {"train": 1_000_000, "valid": 1_000, "test": 0}
_MODES = {"train": "train", "valid": "train", "test": "test"}
"""Some pages draw other words or positions for testing than for training, if they are told."""


@dataclass(frozen=True, slots=True)
class MiniWoBTask:
    """One instance of one page."""

    name: str
    seed: int
    """Of the page's own generator: that of `Math.seedrandom`, as in MiniWoB++ and BrowserGym."""
    mode: str
    """Of the page's data: `train` or `test`."""


def task_ids(split: str, wanted: Sequence[str]) -> LazyIds:
    """Of some pages, all pages of a seed before the next seed."""
    count = len(wanted)
    return LazyIds(range(SIZES[split] * count), lambda i: f"{split}/{wanted[i % count]}/{i // count}")


def parse_id(task_id: str) -> MiniWoBTask:
    """
    Raises:
        UnknownNameError: there is no such task.
    """
    split, _, rest = task_id.partition("/")
    name, _, number = rest.partition("/")
    known = split in SIZES and name in names() and number.isascii() and number.isdecimal()
    if not known or len(number) > 6 or int(number) >= SIZES[split] or str(int(number)) != number:
        raise UnknownNameError(
            "task", task_id, [f"{split if split in SIZES else 'train'}/{name}/0" for name in names()]
        )
    return MiniWoBTask(name, _FIRST[split] + int(number), _MODES[split])
