"""Bytes that the host pulls out of the sandbox, or pushes into it, at its own pace."""

from __future__ import annotations

import errno
import os
import selectors
import signal
import socket
from typing import Any

from agentrl.sandboxes.agent.frames import CHUNK, Header


class Stream:
    """A descriptor of ours to read from, to write to, or two of the same connection.

    A child of ours may be at the other end; the stream is complete when it has ended, with an error number as status.
    """

    def __init__(self, agent: Any, *, reader: Any = None, writer: Any = None, child: int | None = None) -> None:
        self.agent, self.reader, self.writer, self.child = agent, reader, writer, child
        self.status: int | None = None
        self.waiting: int | None = None
        for end in filter(None, (reader, writer)):
            os.set_blocking(end.fileno(), False)
        if child is not None:
            agent.roots[child] = self.child_ended

    def pull(self, request: Header) -> None:
        """Answer with what there is, as soon as there is something."""

        def readable() -> None:
            self.agent.unwatch(self.reader)
            data = os.read(self.reader.fileno(), CHUNK)
            if data or self.child is None:
                self.agent.answer(request["id"], {"end": not data}, data)
            else:
                self.complete(request["id"])

        self.agent.watch(self.reader, selectors.EVENT_READ, readable, request["id"])

    def push(self, request: Header, body: bytes) -> None:
        """Answer when all is written; an empty body ends the stream."""
        unsent = memoryview(body)

        def writable() -> None:
            nonlocal unsent
            unsent = unsent[os.write(self.writer.fileno(), unsent) :]
            if not unsent:
                self.agent.unwatch(self.writer)
                self.agent.answer(request["id"], {})

        if body:
            self.agent.watch(self.writer, selectors.EVENT_WRITE, writable, request["id"])
        elif self.child is None:
            self.writer.shutdown(socket.SHUT_WR)
            self.agent.answer(request["id"], {})
        else:
            self.agent.drop(self.writer)
            self.complete(request["id"])

    def complete(self, request_id: int) -> None:
        self.waiting = request_id
        if self.status is not None:
            self.child_ended(self.status)

    def child_ended(self, status: int) -> None:
        self.status = status
        if self.waiting is None:
            return
        if status:
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else errno.EINTR
            self.agent.fail(self.waiting, OSError(code, os.strerror(code)))
        else:
            self.agent.answer(self.waiting, {"end": True})

    def close(self) -> None:
        for end in filter(None, (self.reader, self.writer)):
            self.agent.drop(end)
        if self.child is not None and self.status is None:
            os.kill(self.child, signal.SIGKILL)
