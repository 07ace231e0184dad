"""The host's end of the frames that go in and out of a sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import errno
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

from agentrl.errors import SandboxError
from agentrl.sandboxes.agent.frames import Decoder, Frame, encode

Diagnosis = Callable[[], Awaitable[SandboxError]]
"""Finds out why a sandbox does not answer any more."""


class Pipe(Protocol):
    """Bytes to and from the agent."""

    async def send(self, data: bytes) -> None:
        """Take all of `data` before the first await, so that frames of several tasks do not mix.

        Raises:
            ConnectionError: the agent is gone.
        """
        ...

    def received(self) -> AsyncIterator[bytes]:
        """What the agent writes, as it comes, until it is gone."""
        ...

    def close(self) -> None: ...


class Channel:
    """Requests to one agent, many at a time.

    Whatever comes from the other side is untrusted: anything but the answers expected ends the channel.

    Args:
        pipe: closed with the channel.
        diagnose: asked once, when the pipe ends; its error is what all requests raise from then on.
    """

    def __init__(self, pipe: Pipe, diagnose: Diagnosis) -> None:
        self._pipe, self._diagnose = pipe, diagnose
        self._serial = itertools.count(1)
        loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[Frame]] = {0: loop.create_future()}
        self._ready = self._waiting[0]
        self._error: SandboxError | None = None
        self._receiver = loop.create_task(self._receive())

    @property
    def broken(self) -> bool:
        return self._error is not None

    async def ready(self) -> None:
        """Wait for the agent's first frame.

        Raises:
            SandboxError: the sandbox ended before.
        """
        await asyncio.shield(self._ready)

    async def request(self, op: str, body: bytes = b"", **arguments: Any) -> Frame:
        """The answer to a request.

        Raises:
            SandboxError: the sandbox is gone, or its disk is full.
            OSError: the agent could not do it; of the subclass that the error has on the host, too.
        """
        if self._error:
            raise copy.copy(self._error)
        number = next(self._serial)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            with contextlib.suppress(ConnectionError):  # the receiver finds out why
                await self._pipe.send(encode({"id": number, "op": op, **arguments}, body))
            header, content = await answer
        finally:
            self._waiting.pop(number, None)
        if "errno" in header:
            code, text = header["errno"], str(header.get("error"))
            if code in (errno.ENOSPC, errno.EDQUOT):
                raise SandboxError("disk_full", f"the sandbox's disk is full: {op} of {arguments.get('path', 'files')}")
            raise OSError(code, text, arguments.get("path"))
        return header, content

    async def close(self) -> None:
        """End the channel, and with it the agent."""
        self._fail(SandboxError("closed", "the sandbox has been closed"))
        self._pipe.close()
        self._receiver.cancel()
        await asyncio.wait([self._receiver])

    async def _receive(self) -> None:
        frames = Decoder()
        try:
            async for data in self._pipe.received():
                for header, body in frames.feed(data):
                    waiting = self._waiting.get(header.get("id", -1))
                    if waiting and not waiting.done():
                        waiting.set_result((header, body))
            error = await self._diagnose()
        except (ValueError, TypeError) as reason:
            error = SandboxError("corrupt", f"the sandbox's agent does not speak frames: {reason}")
        self._fail(error)

    def _fail(self, error: SandboxError) -> None:
        self._error = self._error or error
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(copy.copy(self._error))
                waiting.exception()  # nobody may be waiting any more
