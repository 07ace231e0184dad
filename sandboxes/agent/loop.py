"""The agent's loop: frames in, frames out, and what descriptors, children and timers do in between."""

from __future__ import annotations

import contextlib
import errno
import heapq
import itertools
import os
import selectors
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable
from typing import IO, Any

from agentrl.sandboxes.agent.archive import pack, unpack
from agentrl.sandboxes.agent.command import Command
from agentrl.sandboxes.agent.frames import CHUNK, Decoder, Header, encode
from agentrl.sandboxes.agent.processes import undumpable
from agentrl.sandboxes.agent.stream import Stream

LIFETIME_OVER = 90
"""Exit status at the end of the lifetime."""


class Agent:
    """All that goes on in the sandbox on behalf of the host. One thread, so that a fork is safe at any time."""

    def __init__(self) -> None:
        self.roots: dict[int, Callable[[int], None]] = {}
        """By process id of each child that we started, what to call with its exit status."""
        self._selector = selectors.DefaultSelector()
        self._streams: dict[int, Stream] = {}
        self._serial = itertools.count(1)
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._frames = Decoder()

    # -- the loop ----------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Serve the host until it is gone."""
        woken, waker = socket.socketpair()
        for end in (woken, waker):
            end.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.watch(woken, selectors.EVENT_READ, lambda: woken.recv(CHUNK))
        os.set_blocking(0, False)
        self.watch(0, selectors.EVENT_READ, self._receive)
        self.answer(0, {})
        while True:
            self.attend(max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None)
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()
            self.reap()

    def attend(self, timeout: float | None) -> None:
        """Wait until watched files are ready, and call back."""
        for key, _ in self._selector.select(timeout):
            if self._selector.get_map().get(key.fd) is key:  # else an earlier callback has dropped it
                callback, request_id = key.data
                self._attempt(request_id, callback)

    def watch(self, file: Any, events: int, callback: Callable[[], Any], request_id: int | None = None) -> None:
        """Call back when a file is ready. An OSError that it raises is the answer to the request."""
        self._selector.register(file, events, (callback, request_id))

    def unwatch(self, file: Any) -> None:
        self._selector.unregister(file)

    def drop(self, file: Any) -> None:
        """Close a file, watched or not, closed or not."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(file)
        file.close()

    def at(self, when: float, callback: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (when, next(self._serial), callback))

    def reap(self) -> None:
        """Collect children that ended, adopted ones too."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if pid in self.roots:
                    self.roots.pop(pid)(status)

    # -- frames ------------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        data = os.read(0, CHUNK)
        if not data:
            os._exit(0)  # the host is gone; all processes of this namespace go with PID 1
        for request, body in self._frames.feed(data):
            self._attempt(request["id"], getattr(self, "_do_" + request["op"]), request, body)

    def _attempt(self, request_id: int | None, function: Callable[..., Any], *args: Any) -> None:
        try:
            function(*args)
        except OSError as error:
            if request_id is None:
                raise
            self.fail(request_id, error)

    def answer(self, request_id: int, header: Header, body: bytes = b"") -> None:
        unsent = memoryview(encode(dict(header, id=request_id), body))
        while unsent:
            unsent = unsent[os.write(1, unsent) :]

    def fail(self, request_id: int, error: OSError) -> None:
        self.answer(request_id, {"errno": error.errno, "error": error.strerror or str(error)})

    # -- requests ----------------------------------------------------------------------------------------------

    def _do_ping(self, request: Header, _: bytes) -> None:
        self.answer(request["id"], {})

    def _do_run(self, request: Header, body: bytes) -> None:
        try:
            Command(self, request, body)
        except OSError as error:  # no such folder, no process to be had: what a shell would answer
            header = {"exit_code": 126, "seconds": 0.0, "truncated": False, "oom_killed": False, "stdout": 0}
            self.answer(request["id"], header, f"cannot start: {error}\n".encode())

    def _do_read(self, request: Header, _: bytes) -> None:
        with _regular(request["path"], os.O_RDONLY) as file:
            file.seek(request["offset"])
            self.answer(request["id"], {}, file.read(CHUNK))

    def _do_write(self, request: Header, body: bytes) -> None:
        path, unsent = request["path"], memoryview(body)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        truncate = 0 if request["offset"] else os.O_TRUNC
        with _regular(path, os.O_WRONLY | os.O_CREAT | truncate, request["mode"]) as file:
            file.seek(request["offset"])
            while unsent:
                unsent = unsent[file.write(unsent) :]
        self.answer(request["id"], {})

    def _do_pack(self, request: Header, _: bytes) -> None:
        """A stream of all below some folders. Everything else stands still until `resume`."""
        _signal_all(signal.SIGSTOP)
        self._open_child(request, "reader", lambda pipe: pack(pipe, request["paths"]))

    def _do_resume(self, request: Header, _: bytes) -> None:
        _signal_all(signal.SIGCONT)
        self.answer(request["id"], {})

    def _do_unpack(self, request: Header, _: bytes) -> None:
        """A stream that replaces all below some folders."""
        self._open_child(request, "writer", lambda pipe: unpack(pipe, request["paths"]))

    def _do_connect(self, request: Header, _: bytes) -> None:
        """A stream to a Unix socket, as soon as somebody listens there."""
        deadline = time.monotonic() + request["timeout_s"]

        def connect() -> None:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(request["path"])
            except OSError as error:
                connection.close()
                if error.errno not in (errno.ENOENT, errno.ECONNREFUSED) or time.monotonic() > deadline:
                    raise
                self.at(time.monotonic() + 0.01, lambda: self._attempt(request["id"], connect))
            else:
                self._open(request, Stream(self, reader=connection, writer=connection.dup()))

        connect()

    def _do_pull(self, request: Header, _: bytes) -> None:
        self._streams[request["stream"]].pull(request)

    def _do_push(self, request: Header, body: bytes) -> None:
        self._streams[request["stream"]].push(request, body)

    def _do_close(self, request: Header, _: bytes) -> None:
        self._streams.pop(request["stream"]).close()
        self.answer(request["id"], {})

    def _open(self, request: Header, stream: Stream) -> None:
        number = next(self._serial)
        self._streams[number] = stream
        self.answer(request["id"], {"stream": number})

    def _open_child(self, request: Header, end: str, work: Callable[[IO[bytes]], None]) -> None:
        """Do some work in a child; the host gets the other end of its pipe, `reader` or `writer`."""
        r, w = os.pipe()
        ours, theirs = (r, w) if end == "reader" else (w, r)
        child = os.fork()
        if child:
            os.close(theirs)
            pipe: IO[bytes] = os.fdopen(ours, "rb" if end == "reader" else "wb", buffering=0)
            self._open(request, Stream(self, child=child, **{end: pipe}))
            return
        status = errno.EIO
        try:
            os.close(ours)
            with os.fdopen(theirs, "wb" if end == "reader" else "rb") as pipe:
                work(pipe)
            status = 0
        except OSError as error:
            status = error.errno or errno.EIO
        finally:
            os._exit(status)


def _signal_all(number: int) -> None:
    """Signal every process but this one."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, number)


def _regular(path: str, flags: int, mode: int = 0o644) -> Any:
    """Open a file, but no pipe, device or folder, which might block or never end."""
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    kind = os.fstat(fd).st_mode
    if not stat.S_ISREG(kind):
        os.close(fd)
        code = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
        raise OSError(code, os.strerror(code))
    return os.fdopen(fd, "wb" if flags & os.O_WRONLY else "rb", buffering=0)


def main(lifetime_s: float) -> None:
    """Be the agent."""
    end = time.monotonic() + lifetime_s

    def check_lifetime(*_: Any) -> None:  # any command can send the signal
        if time.monotonic() >= end:
            os._exit(LIFETIME_OVER)

    undumpable()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # PID 1 gets only signals that it has a handler for
    signal.signal(signal.SIGALRM, check_lifetime)
    signal.setitimer(signal.ITIMER_REAL, lifetime_s + 0.01, 1.0)
    sys.stdout = sys.stderr  # nothing but frames goes to descriptor 1
    Agent().serve()
