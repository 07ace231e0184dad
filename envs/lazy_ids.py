"""Ids of very many tasks, written when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload


class LazyIds(Sequence[str]):
    """A sequence of ids, each made of its number.

    Args:
        numbers: of the tasks, in order.
        name: number → id.
    """

    def __init__(self, numbers: range, name: Callable[[int], str]) -> None:
        self._numbers, self._name = numbers, name

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, item: int) -> str: ...
    @overload
    def __getitem__(self, item: slice) -> LazyIds: ...
    def __getitem__(self, item: int | slice) -> str | LazyIds:
        if isinstance(item, slice):
            return LazyIds(self._numbers[item], self._name)
        return self._name(self._numbers[item])
