"""Items between two of our own processes, over a stream socket: those of one turn of the event loop in one frame."""

from __future__ import annotations

import asyncio
import pickle
import struct
from collections.abc import Callable, Sequence
from typing import Any, cast

_HEAD = struct.Struct("!Q")


class Channel(asyncio.Protocol):
    """One end. What is sent is pickled: both ends are ours.

    Args:
        on_items: called with what came in.
        on_end: called when the other end is gone.
    """

    transport: asyncio.Transport

    def __init__(self, on_items: Callable[[Sequence[Any]], None], on_end: Callable[[], None]) -> None:
        self._on_items, self._on_end = on_items, on_end
        self._out: list[Any] = []
        self._in = bytearray()

    def send(self, item: Any) -> None:
        """Send one item, with others."""
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(item)

    def _flush(self) -> None:
        frame = pickle.dumps(self._out, pickle.HIGHEST_PROTOCOL)
        self._out = []
        self.transport.write(_HEAD.pack(len(frame)) + frame)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._in += data
        while len(self._in) >= _HEAD.size:
            (size,) = _HEAD.unpack_from(self._in)
            end = _HEAD.size + size
            if len(self._in) < end:
                return
            frame = bytes(memoryview(self._in)[_HEAD.size : end])
            del self._in[:end]
            self._on_items(pickle.loads(frame))

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_end()
