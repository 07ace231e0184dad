"""The controller: starts the desktop, and answers requests on a Unix socket.

A request is a line of JSON, `{"op": …, …}`. The answer is a line of JSON, `{"result": …, "size": n}`, and n bytes; or
`{"error": …, "kind": …, "size": 0}`.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
import traceback
from typing import IO, Any

from agentrl.envs.gui.desktop.inside.boot import Desktop, Failed


class Server:
    """Does what requests ask, one after the other."""

    def __init__(self, desktop: Desktop, path: str) -> None:
        self._desktop = desktop
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()

    def serve(self) -> None:
        """Answer for ever."""
        waiting = selectors.DefaultSelector()
        waiting.register(self._listener, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is self._listener:
                    connection = self._listener.accept()[0]
                    waiting.register(connection, selectors.EVENT_READ, connection.makefile("rwb"))
                elif not self._answer(key.data):
                    waiting.unregister(key.fileobj)
                    key.data.close()

    def _answer(self, stream: IO[bytes]) -> bool:
        """Answer a request; whether there was one."""
        body = b""
        try:
            if not (line := stream.readline()):
                return False
            request: dict[str, Any] = json.loads(line)
            result = getattr(self, "_do_" + request.pop("op"))(**request)
            body = result if isinstance(result, bytes) else b""
            header = {"result": None if body else result, "size": len(body)}
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is the answer
            header = {"error": str(error) or repr(error), "kind": type(error).__name__, "size": 0}
        try:
            stream.write(json.dumps(header).encode() + b"\n" + body)
            stream.flush()
        except ConnectionError:
            return False
        return True

    def _do_screenshot(self) -> bytes:
        return self._desktop.screen.png()

    def _do_tree(self, limit: int, seconds: float) -> Any:
        return self._desktop.tree.read(limit, seconds)

    def _do_windows(self) -> Any:
        launched = self._desktop.launched
        return [{**w, "command": launched.get((w["id"], w["pid"]))} for w in self._desktop.windows.all()]

    def _do_perform(self, events: list[list[Any]]) -> None:
        self._desktop.hands.perform(events)

    def _do_settle(self, limit_s: float) -> bool:
        return self._desktop.windows.settle(limit_s)

    def _do_change(self, limit_s: float) -> None:
        self._desktop.windows.change(limit_s)

    def _do_launch(self, argv: list[str], limit_s: float) -> None:
        self._desktop.launch(argv, limit_s)


def start(width: int, height: int, folder: str) -> None:
    """Start a desktop that goes on when this returns.

    Exits with 1 where that fails; the reason is on standard error.
    """
    ready, told = os.pipe()
    if os.fork():
        os.close(told)
        with os.fdopen(ready) as pipe:
            problem = pipe.read()
        sys.stderr.write(problem)
        sys.exit(bool(problem))
    os.setsid()
    os.makedirs(folder, mode=0o700)
    log = os.open(f"{folder}/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (0, 1, 2):
        os.dup2(log, descriptor)
    with os.fdopen(told, "w") as pipe:
        try:
            server = Server(Desktop(width, height, folder), f"{folder}/socket")
        except Exception as error:
            pipe.write(str(error) if isinstance(error, Failed) else traceback.format_exc())
            raise
    server.serve()
