"""The side of a run that plays: an event loop in a thread of its own, beside the thread that trains.

Engine and environments live here; the trainer asks for groups, and hands new weights over, by `call`.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from agentrl.agents.journal import Journal
from agentrl.agents.loop import AgentLoop, RolloutSpec
from agentrl.types import Group

T = TypeVar("T")

RARE = 1000
"""Collections of the middle generation to a full one: millions of objects made."""


class Actor:
    """An event loop in a thread. `call` is for other threads, everything else for coroutines within.

    Args:
        loop: which the thread runs and `close` closes; a new one if it is not given.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        # A full collection stops the event loop, for 0.2 s where thousands of episodes play: make it rare, and spare it
        # the hundreds of thousands of objects of modules.
        self._thresholds = gc.get_threshold()
        gc.set_threshold(*self._thresholds[:2], RARE)
        gc.collect()
        gc.freeze()
        self._loop = loop or asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="agentrl-actor", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there, wait for it here, and return or raise what it did."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def cancel(self) -> None:
        """Cancel all that runs there, and wait until it has ended."""
        self.call(_cancel_others())

    def close(self) -> None:
        """End the thread, and what runs there."""
        self.cancel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        gc.unfreeze()
        gc.set_threshold(*self._thresholds)


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class RolloutQueue:
    """Groups of the plan that are being played, or wait to be trained.

    Args:
        play: the agent loop.
        journal: where their turns are kept.
    """

    def __init__(self, play: AgentLoop, journal: Journal) -> None:
        self._play, self._journal = play, journal
        self._places = play.places()
        self._groups: dict[int, asyncio.Task[Group]] = {}
        self._failed: asyncio.Future[None] | None = None

    async def admit(self, groups: Sequence[tuple[int, RolloutSpec]]) -> None:
        """Begin groups, by their numbers, in this order; what a killed process played of them is taken over."""
        if self._failed is None:
            self._failed = asyncio.get_running_loop().create_future()
        for number, spec in groups:
            log = self._journal.begin(number, spec)
            task = asyncio.create_task(self._play.group(log.spec, self._places, log), name=f"group {number}")
            task.add_done_callback(self._ended)
            self._groups[number] = task
            await asyncio.sleep(0)  # thousands of episodes that begin at once would hold up those that run

    async def take(self, numbers: Sequence[int]) -> list[Group]:
        """Wait for these groups and hand them out; they are not kept any longer.

        Raises:
            AgentRLError: what ended a group, these or another, other than an infrastructure error within its budget.
        """
        assert self._failed is not None
        for number in numbers:
            either: list[asyncio.Future[Any]] = [self._groups[number], self._failed]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not self._groups[number].done():
                await self._failed  # raises
        groups = [self._groups.pop(number).result() for number in numbers]
        for number, group in zip(numbers, groups, strict=True):
            group.number = number
        return groups

    def _ended(self, task: asyncio.Task[Group]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)
            self._failed.exception()  # it may come after the last `take`
