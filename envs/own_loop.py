"""What a process has one of and many threads use: an event loop in a thread of its own, and what lives in it."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, ClassVar, Generic, TypeVar

from agentrl.errors import AgentRLError, InfraError
from agentrl.sandboxes.pool import Pool

T = TypeVar("T")
Key = TypeVar("Key", bound=Hashable)


class OwnLoop:
    """Runs coroutines in a loop of its own, so that it works in asyncio and outside of it. A fork has no part in it."""

    name: ClassVar[str]
    """What lives in the loop, for people."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name=f"agentrl-{self.name}", daemon=True).start()
        atexit.register(self._end)

    @property
    def ours(self) -> bool:
        """Whether this process may use it: the loop is open, and no fork's."""
        return os.getpid() == self._pid and not self._loop.is_closed()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for what it returns or raises.

        Raises:
            InfraError: this process was forked from the one whose loop it is.
        """
        if os.getpid() != self._pid:
            work.close()
            raise InfraError(
                f"this {self.name} belongs to the process that this one was forked from: reset the episode"
            )
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # nobody waits any more, if it was Ctrl-C
            raise

    def _end(self) -> None:
        """The process ends, and with it what lives here: no task need complain that it does."""
        if self.ours:
            self._loop.set_exception_handler(lambda *_: None)

    def chore(self, work: Coroutine[Any, Any, Any]) -> None:
        """Start something that nobody waits for; does nothing in a fork of the process. May be called anywhere."""
        if self.ours:
            asyncio.run_coroutine_threadsafe(work, self._loop)
        else:
            work.close()


class SandboxPools(OwnLoop, ABC, Generic[Key]):
    """Pools of sandboxes, opened when they are first asked for. Sandboxes are bound to the loop."""

    def __init__(self) -> None:
        super().__init__()
        self._pools: dict[Key, asyncio.Task[Pool]] = {}

    async def opened(self, key: Key) -> Pool:
        """The pool of a key, with its provider and its spec; raises what `_open` does."""
        if key not in self._pools:
            self._pools[key] = asyncio.create_task(self._open(key))
        opening = self._pools[key]
        try:
            return await asyncio.shield(opening)
        except AgentRLError:
            self._pools.pop(key, None)  # what was missing may be there the next time
            raise

    async def close(self) -> None:
        """Destroy all sandboxes; the next one that is asked for starts anew."""
        pools = await asyncio.gather(*self._pools.values(), return_exceptions=True)
        self._pools.clear()
        for pool in pools:
            if isinstance(pool, Pool):
                await pool.close()
                await pool.provider.close()

    @abstractmethod
    async def _open(self, key: Key) -> Pool: ...


class PerProcess(Generic[T]):
    """Makes one for each process when it is first called; a fork, which has none of the threads, makes its own."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._forget()
        _all.add(self)

    def __call__(self) -> T:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._made: list[T] = []


_all: weakref.WeakSet[PerProcess[Any]] = weakref.WeakSet()


def _forked() -> None:
    for each in _all:
        each._forget()


os.register_at_fork(after_in_child=_forked)
