"""WebSocket connections, without ASGI between the socket and the session: that is most of the speed.

`websockets` speaks the protocol (its Sans-I/O half). A frame that is all there is to read, which nearly every one is,
takes the short way around it.
"""

from __future__ import annotations

import asyncio
import struct
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable
from typing import Any, cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.speedups import apply_mask

MAX_MESSAGE = 16 * 2**20
MAX_WAITING = 16
"""Messages of one client that wait for the one being answered; then no more are read."""
CLOSE_S = 2.0
"""Seconds for the client to answer a close."""
PING_S = 20.0
"""Seconds between pings; their answers keep the session of a silent client alive, and only of a live one."""
_TEXT = 0x81
"""First byte of an unfragmented text frame."""
_MASKED = 0x80


class WebSocket(asyncio.Protocol, ABC):
    """One connection, as uvicorn makes them (`Config(ws=…)`): messages in order, one at a time."""

    transport: asyncio.Transport

    def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
        self._connections: set[Any] = server_state.connections
        self._protocol = ServerProtocol(max_size=MAX_MESSAGE)
        self._waiting: deque[bytes] = deque()
        self._busy: asyncio.Task[None] | None = None
        self._parts: list[bytes] = []
        self._unframed = 0
        """Bytes that the protocol has got beyond the last whole frame."""
        self._timer: asyncio.TimerHandle | None = None
        self._last: tuple[int, str] | None = None

    # -- what a subclass says ----------------------------------------------------------------------------------

    @abstractmethod
    def opening(self, request: Request) -> tuple[int, str] | None:
        """Status and text with which to refuse the connection; None to accept it."""

    @abstractmethod
    async def opened(self) -> bytes | None:
        """Called first; returns the reason to close at once, or None."""

    @abstractmethod
    def message(self, data: bytes) -> bytes | Awaitable[bytes] | None:
        """The answer to a message; None ends the connection."""

    @abstractmethod
    def alive(self) -> None:
        """The client has sent something."""

    @abstractmethod
    def closed(self) -> None:
        """The connection is gone."""

    # -- what asyncio and uvicorn say --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by name
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._timer:
            self._timer.cancel()
        self._waiting.clear()
        self.closed()

    def pause_writing(self) -> None:
        self.transport.pause_reading()  # who does not read answers gets no more of them

    def resume_writing(self) -> None:
        self.transport.resume_reading()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._flush()

    def shutdown(self) -> None:
        """The server ends."""
        self.end(1001, "the server is shutting down")

    def data_received(self, data: bytes) -> None:
        self.alive()
        if not self._unframed and not self._parts and self._protocol.state is OPEN:
            payload = _whole_text(data)
            if payload is not None:
                self._take(payload)
                return
        self._protocol.receive_data(data)
        self._unframed += len(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._handshake(event)
            elif isinstance(event, Frame):
                self._frame(event)
        self._flush()

    def send(self, payload: bytes) -> None:
        """Send one text message."""
        size = len(payload)
        if size < 126:
            head = bytes((_TEXT, size))
        elif size < 65_536:
            head = struct.pack("!BBH", _TEXT, 126, size)
        else:
            head = struct.pack("!BBQ", _TEXT, 127, size)
        if not self.transport.is_closing():
            self.transport.write(head + payload)

    def end(self, code: int, reason: str) -> None:
        """Close the connection."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(code, reason)
            self._flush()
            self._hurry()

    def end_after_answer(self, code: int, reason: str) -> None:
        """Close the connection when the message being answered has been."""
        self._last = code, reason
        if not self._busy:
            asyncio.get_running_loop().call_soon(self.end, code, reason)

    # -- inside ------------------------------------------------------------------------------------------------

    def _handshake(self, request: Request) -> None:
        self._unframed = 0  # uvicorn hands over the request and nothing more
        refusal = self.opening(request)
        response = self._protocol.accept(request) if refusal is None else self._protocol.reject(*refusal)
        self._protocol.send_response(response)
        self._flush()
        if self._protocol.state is OPEN:
            self._timer = asyncio.get_running_loop().call_later(PING_S, self._send_ping)
            self._busy = asyncio.ensure_future(self._begin())

    async def _begin(self) -> None:
        if reason := await self.opened():
            self.send(reason)
            self.end(1013, "")
        else:
            await self._work()

    def _frame(self, frame: Frame) -> None:
        size = len(frame.data)
        self._unframed -= 6 + size + (0 if size < 126 else 2 if size < 65_536 else 8)
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                whole, self._parts = b"".join(self._parts), []
                self._take(whole)

    def _take(self, message: bytes) -> None:
        if self._protocol.state is not OPEN:
            return
        if self._busy:
            self._waiting.append(message)
            if len(self._waiting) == MAX_WAITING:
                self.transport.pause_reading()
            return
        answer = self.message(message)
        if isinstance(answer, bytes):
            self.send(answer)
        elif answer is None:
            self.end(1000, "")
        else:
            self._busy = asyncio.ensure_future(self._work(answer))

    async def _work(self, answer: Awaitable[bytes] | None = None) -> None:
        """Answer, then go on with what came meanwhile."""
        if answer is not None:
            self.send(await answer)
        while self._waiting and not self._last:
            following = self.message(self._waiting.popleft())
            if len(self._waiting) == MAX_WAITING - 1:
                self.transport.resume_reading()
            if following is None:
                self.end(1000, "")
                break
            self.send(following if isinstance(following, bytes) else await following)
        self._busy = None
        if self._last:
            self.end(*self._last)

    def _send_ping(self) -> None:
        if self._protocol.state is OPEN:
            self._protocol.send_ping(b"")
            self._flush()
            self._timer = asyncio.get_running_loop().call_later(PING_S, self._send_ping)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.transport.write(data)
            elif not self.transport.is_closing():  # the end of the stream; to close it now could lose what was sent
                self.transport.write_eof()
                self._hurry()

    def _hurry(self) -> None:
        """Give the client some time to close, too."""
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(CLOSE_S, self.transport.abort)


def _whole_text(data: bytes) -> bytes | None:
    """The text in `data`, if it is exactly one frame with all of a message."""
    if len(data) < 6 or data[0] != _TEXT or not data[1] & _MASKED:
        return None
    size, start = data[1] & 0x7F, 2
    if size == 126:
        size, start = int.from_bytes(data[2:4], "big"), 4
    elif size == 127:
        size, start = int.from_bytes(data[2:10], "big"), 10
    if len(data) != start + 4 + size:
        return None
    return apply_mask(data[start + 4 :], data[start : start + 4])
