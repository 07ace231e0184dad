"""A plain HTTP client that knows nothing of ours."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    body: Any
    """JSON, or the text if it is none."""
    headers: dict[str, str]

    @property
    def code(self) -> str:
        """Of an error."""
        return str(self.body["error"]["code"])

    @property
    def message(self) -> str:
        """Of an error."""
        return str(self.body["error"]["message"])


@dataclass(slots=True)
class Api:
    """Requests to one server, each over a connection of its own."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request; a body that is not bytes goes as JSON."""
        connection = self.connect()
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, self.headers | headers)
            with connection.getresponse() as answer:
                raw, status, found = answer.read(), answer.status, dict(answer.headers)
        finally:
            connection.close()
        try:
            return Answer(status, json.loads(raw), found)
        except ValueError:
            return Answer(status, raw.decode(), found)

    def connect(self) -> http.client.HTTPConnection:
        """A connection."""
        if not self.url.startswith("unix:"):
            return http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        connection = http.client.HTTPConnection("localhost", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.url.removeprefix("unix:"))
        return connection

    def open(self, env_id: str, **more: Any) -> str:
        """Open a session; returns its place."""
        answer = self("POST", "/v1/sessions", {"env_id": env_id, **more})
        assert answer.status == 201, answer
        return f"/v1/sessions/{answer.body['session']}"

    def reset(self, session: str, **more: Any) -> dict[str, Any]:
        """Begin an episode."""
        answer = self("POST", f"{session}/reset", more)
        assert answer.status == 200, answer
        return dict(answer.body)

    def step(self, session: str, action: Any, **more: Any) -> dict[str, Any]:
        """Carry out an action."""
        answer = self("POST", f"{session}/step", {"action": action, **more})
        assert answer.status == 200, answer
        return dict(answer.body)
