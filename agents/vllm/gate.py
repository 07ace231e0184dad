"""The gate before the servers: closed while their weights change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from agentrl.agents.vllm.stopwatch import Stopwatch


class Gate:
    """Counts who is inside. Who passed it while it was open is inside until done; closing it keeps others waiting."""

    def __init__(self) -> None:
        self._open, self._empty = asyncio.Event(), asyncio.Event()
        self._open.set()
        self._empty.set()
        self.closings = 0
        """How often it was closed."""
        self._watch = Stopwatch()
        self._error: Exception | None = None

    @property
    def busy_s(self) -> float:
        """Seconds in which somebody was inside."""
        return self._watch.seconds

    async def wait(self) -> float:
        """Wait until it is open; returns for how many seconds it was not. Enter before anything else is awaited.

        Raises:
            Exception: what it was shut with.
        """
        begun = time.perf_counter()
        while not self._open.is_set():
            await self._open.wait()
        if self._error is not None:
            raise self._error
        return time.perf_counter() - begun

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be counted."""
        self._empty.clear()
        try:
            with self._watch.run():
                yield
        finally:
            if not self._watch.inside:
                self._empty.set()

    def close(self) -> None:
        self.closings += 1
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def shut(self, error: Exception) -> None:
        """Let nobody in any more: who waits, or comes, gets the error."""
        self._error = error
        self._open.set()

    async def emptied(self, seconds: float | None = None) -> bool:
        """Wait until nobody is inside, at most so long; returns whether that is so."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True
