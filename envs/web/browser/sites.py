"""The only network that the browser has: sites answered by this process, by the name of their host.

Chromium sends every request to a proxy, which is this. It knows the hosts that were given to it and refuses all others,
whatever asked: a page, a frame, a script, a socket. No name is looked up and no packet leaves the machine.
"""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """What a page asks of its site."""

    method: str
    path: str
    """Decoded, with the leading slash."""
    query: str
    """As it was sent, without the question mark."""
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the site sends."""

    body: bytes
    type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Site = Callable[[Request], Answer]
"""Called in a thread of its own; several at once."""

NOT_FOUND = Answer(b"<!doctype html><title>Not found</title><p>There is no such page.", status=404)
_REFUSED = Answer(b"<!doctype html><title>Refused</title><p>This site is not part of the task.", status=403)


def files(root: Path) -> Site:
    """A site of the files below a folder. They must not change: browsers keep them for a day."""

    def answer(request: Request) -> Answer:
        path = (root / request.path.lstrip("/")).resolve()
        if request.method != "GET" or not path.is_relative_to(root.resolve()) or not path.is_file():
            return NOT_FOUND
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Answer(path.read_bytes(), kind, headers={"Cache-Control": "max-age=86400"})

    return answer


class Sites:
    """The proxy; it listens on the loopback interface until the process ends."""

    def __init__(self) -> None:
        self.by_host: dict[str, Site] = {}
        by_host = self.by_host

        class Handler(_Handler):
            sites = by_host

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="agentrl-sites", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    sites: Mapping[str, Site]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        site = self.sites.get(url.hostname or "")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, unquote(url.path) or "/", url.query, dict(self.headers.items()), body)
        answer = site(request) if site and url.scheme == "http" else _REFUSED
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    do_POST = do_GET  # noqa: N815

    def do_CONNECT(self) -> None:
        self.send_error(403)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Requests are no news."""
