"""Environments in worker processes: a step that takes long, or a process that dies, is the matter of one worker."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

from agentrl.envs.serving.server.calls import AnyCall, Open, Reply
from agentrl.envs.serving.server.channel import Channel
from agentrl.envs.serving.server.refusal import Refusal

log = logging.getLogger("agentrl.serve")

_SHORT_LIFE_S = 1.0
"""A worker that dies sooner is not restarted at once."""


class WorkerHolder:
    """The environments of one worker process, which is started again when it dies.

    Args:
        env_ids: as `agentrl serve` takes them.
        on_death: told why, after the calls in flight have been answered.
    """

    def __init__(self, env_ids: Sequence[str], on_death: Callable[[WorkerHolder, str], None]) -> None:
        self._env_ids, self._on_death = env_ids, on_death
        self._calls: dict[int, tuple[AnyCall, asyncio.Future[Reply]]] = {}
        self._serial = itertools.count()
        self._channel: Channel | None = None
        self._process: asyncio.subprocess.Process
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    async def start(self) -> None:
        """Start the process."""
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "agentrl.envs.serving.server.worker",
                str(theirs.fileno()),
                *self._env_ids,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the server
            )
        _, self._channel = await asyncio.get_running_loop().create_connection(
            lambda: Channel(self._answered, self._ended), sock=ours
        )
        self._began = time.monotonic()

    async def stop(self) -> None:
        """End the process."""
        channel, self._channel = self._channel, None
        if self._keeper:
            self._keeper.cancel()
        if channel:
            channel.transport.close()
        await self._process.wait()

    def play(self, call: AnyCall) -> Awaitable[Reply]:
        future = asyncio.get_running_loop().create_future()
        if self._channel is None:
            future.set_exception(_died(call, "the worker process is being restarted"))
            return future
        serial = next(self._serial)
        self._calls[serial] = call, future
        self._channel.send((serial, call))
        return future

    def _answered(self, items: Sequence[tuple[int, Reply]]) -> None:
        for serial, reply in items:
            _, future = self._calls.pop(serial)
            if not future.cancelled():
                future.set_result(reply)

    def _ended(self) -> None:
        if self._channel is None:  # it was stopped
            return
        self._channel = None
        self._keeper = asyncio.ensure_future(self._restart())

    async def _restart(self) -> None:
        status = await self._process.wait()
        why = f"the worker process that held it died ({f'signal {-status}' if status < 0 else f'status {status}'})"
        log.error("%s; pid %d", why, self._process.pid)
        calls, self._calls = self._calls, {}
        for call, future in calls.values():
            if not future.done():
                future.set_exception(_died(call, why))
        self._on_death(self, why)
        if time.monotonic() - self._began < _SHORT_LIFE_S:
            await asyncio.sleep(_SHORT_LIFE_S)
        await self.start()


def _died(call: AnyCall, why: str) -> Refusal:
    if isinstance(call, Open):
        return Refusal("infra_error", f"the session could not be opened: {why}; try again")
    return Refusal("session_lost", f"session {call.session} is gone: {why}; open another one")
