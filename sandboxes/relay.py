"""A Unix socket on the host that leads through a sandbox's channel to one in the sandbox."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from agentrl.errors import ConfigError, SandboxError
from agentrl.sandboxes.agent.frames import CHUNK
from agentrl.sandboxes.channel import Channel

_MAX_PATH = 107
"""Bytes of the path of a Unix socket on Linux."""


class Relay:
    """Listens on the host; every connection gets one of its own inside. The slower end sets the pace."""

    def __init__(self, channel: Channel, inside: str, outside: Path) -> None:
        self._channel, self._inside, self.outside = channel, inside, outside
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Serve at `outside`.

        Raises:
            ConfigError: that path is too long for a socket.
        """
        if len(str(self.outside).encode()) > _MAX_PATH:
            raise ConfigError(f"{self.outside} is too long for a socket: set TMPDIR to a shorter folder")
        self._server = await asyncio.start_unix_server(self._connected, self.outside)

    async def close(self) -> None:
        if self._server:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            # What goes wrong inside ends the connection, as it would without us in between.
            with contextlib.suppress(SandboxError, OSError, asyncio.CancelledError):
                await self._join(reader, writer)
        finally:
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        header, _ = await self._channel.request("connect", path=self._inside, timeout_s=0)
        stream = header["stream"]

        async def inward() -> None:
            while data := await reader.read(CHUNK):
                await self._channel.request("push", data, stream=stream)
            await self._channel.request("push", stream=stream)

        async def outward() -> None:
            while data := (await self._channel.request("pull", stream=stream))[1]:
                writer.write(data)
                await writer.drain()
            writer.write_eof()

        tasks = [asyncio.ensure_future(inward()), asyncio.ensure_future(outward())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await self._channel.request("close", stream=stream)


async def wait_for(channel: Channel, inside: str, timeout_s: float) -> None:
    """Wait until somebody listens inside.

    Raises:
        OSError: nobody does.
    """
    header, _ = await channel.request("connect", path=inside, timeout_s=timeout_s)
    await channel.request("close", stream=header["stream"])
