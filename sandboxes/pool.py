"""Sandboxes that are ready before anybody asks for them."""

from __future__ import annotations

import asyncio
import copy
import time
from collections import deque

from agentrl.errors import AgentRLError, ConfigError, SandboxError
from agentrl.sandboxes.handle import Handle
from agentrl.sandboxes.provider import AgentProvider
from agentrl.sandboxes.spec import Closable, SandboxSpec

_BACK_OFF_S, _LONGEST_BACK_OFF_S = 0.1, 10.0
_PATIENCE = 3


class Pool(Closable):
    """Keeps some sandboxes of one spec ready, and starts new ones in the background for those it hands out.

    When starts fail, it tries again after pauses that double; after a few failures in a row `acquire` passes the
    failure on at once instead of letting everybody wait for an engine that is down. The first start that succeeds ends
    that.

    A sandbox of a pool is closed by who acquired it, and its forks come from the pool, too. No sandbox is used twice.

    Args:
        provider: where they come from; not closed with the pool.
        spec: what they all are.
        ready: sandboxes to keep ready.
        limit: sandboxes at one time, in use and ready; `acquire` waits when all are in use.

    Raises:
        ConfigError: the numbers do not fit together.
    """

    def __init__(self, provider: AgentProvider, spec: SandboxSpec, *, ready: int = 4, limit: int = 64) -> None:
        if not 1 <= ready <= limit:
            raise ConfigError(f"a pool of at most {limit} sandboxes cannot keep {ready} ready; use 1 <= ready <= limit")
        self.spec, self.ready, self.limit = spec, ready, limit
        self.provider = provider
        self._idle: deque[tuple[float, Handle]] = deque()
        """With the time when each got ready, of the monotonic clock."""
        self._used: set[Handle] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._failures = 0
        self._last_failure: AgentRLError | None = None
        self._closed = False
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    @property
    def idle(self) -> int:
        """How many are ready now."""
        return len(self._idle)

    async def acquire(self, spec: SandboxSpec | None = None) -> Handle:
        """A ready sandbox, or the next that gets ready within the spec's deadline.

        Raises:
            SandboxError: starting keeps failing, with the last cause; or none got ready in time; or the pool is closed.
            ConfigError: the provider cannot keep a limit of the spec; or `spec` is another than the pool's.
        """
        if spec not in (None, self.spec):
            raise ConfigError("this pool has sandboxes of another spec")
        try:
            async with asyncio.timeout(self.spec.deadline_s):
                while True:
                    made, sandbox = await self._take()
                    try:
                        if time.monotonic() - made < self.spec.lifetime_s / 2 and await sandbox.ping():
                            return sandbox
                    except BaseException:
                        self._discard(sandbox)
                        raise
                    self._discard(sandbox)
        except TimeoutError:
            text = f"; the last start failed: {self._last_failure}" if self._last_failure else ""
            message = f"no sandbox got ready within {self.spec.deadline_s:g} s, {len(self._used)} are in use{text}"
            raise SandboxError("deadline", message) from None

    async def warm(self) -> None:
        """Wait until `ready` sandboxes are ready.

        Raises:
            SandboxError: starting keeps failing, or the pool is closed.
        """
        while len(self._idle) < self.ready:
            await self._change()

    async def close(self) -> None:
        """Destroy those that are ready; the others belong to those who acquired them."""
        self._closed = True
        self._notify()
        for task in (self._keeper, *self._starting):
            task.cancel()
        await asyncio.wait([self._keeper, *self._starting])
        await asyncio.gather(*(sandbox.close() for _, sandbox in self._idle))
        self._idle.clear()

    async def _take(self) -> tuple[float, Handle]:
        while not self._idle:
            await self._change()
        entry = self._idle.popleft()
        self._used.add(entry[1])
        self._notify()
        return entry

    async def _change(self) -> None:
        """Wait for anything to change, if that can help."""
        if self._closed:
            raise SandboxError("closed", "the pool has been closed")
        if self._last_failure and self._failures >= _PATIENCE:
            raise copy.copy(self._last_failure)
        await self._changed.wait()

    def _discard(self, sandbox: Handle) -> None:
        self.provider.chore(sandbox.close())

    def _released(self, sandbox: Handle) -> None:
        self._used.discard(sandbox)
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _keep(self) -> None:
        """Start what is missing, for ever."""
        while True:
            coming = len(self._idle) + len(self._starting)
            missing = min(self.ready, self.limit - len(self._used)) - coming
            if self._failures:
                missing = min(missing, 1 - len(self._starting))
            for _ in range(missing):
                start = asyncio.create_task(self._start())
                self._starting.add(start)
                start.add_done_callback(self._started)
            await self._changed.wait()

    def _started(self, start: asyncio.Task[None]) -> None:
        self._starting.discard(start)
        self._notify()

    async def _start(self) -> None:
        try:
            sandbox = await self.provider.create(self.spec)
        except AgentRLError as error:
            self._failures += 1
            self._last_failure = error
            self._notify()
            await asyncio.sleep(min(_BACK_OFF_S * 2**self._failures, _LONGEST_BACK_OFF_S))
        else:
            self._failures, self._last_failure = 0, None
            sandbox.twin = self.acquire
            sandbox.on_close.append(self._released)
            self._idle.append((time.monotonic(), sandbox))
