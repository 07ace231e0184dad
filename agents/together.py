"""Coroutines side by side, and places for those that must not be too many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


async def together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What they return, in their order; the first error cancels the others, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(coroutine) for coroutine in coroutines]
    except ExceptionGroup as errors:
        raise _first(errors) from None
    return [task.result() for task in running]


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended a group of tasks."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


class Places(asyncio.Semaphore):
    """Places are given in the order in which they are asked for."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._taking = asyncio.Lock()

    @asynccontextmanager
    async def several(self, count: int) -> AsyncIterator[None]:
        """Hold so many of them at once. There must be as many.

        Who takes several does so alone: two that wait for each other's places would wait for ever.
        """
        held = 0
        try:
            async with self._taking:
                while held < count:
                    await self.acquire()
                    held += 1
            yield
        finally:
            for _ in range(held):
                self.release()
