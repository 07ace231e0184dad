"""What can go wrong with a server, to be switched on by tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN_ROUTES = ("/v1/completions", "/inference/v1/generate")


def _open() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(slots=True)
class Faults:
    """Switches; change them at any time. Sudden death is `FakeServer.die`, or `die_at`."""

    refuse_publish: bool = False
    """Loading weights or adapters fails with 500 and changes nothing."""
    ignore_publish: bool = False
    """Loading weights or adapters reports success, sets labels, and changes no weight: the server is stale."""
    half_publish: bool = False
    """Half of the tensors are loaded, with success reported."""
    raw_logprobs: bool = False
    """Log-probs are those before the temperature, whatever `logprobs_mode` says."""
    errors: int = 0
    """So many requests for tokens are answered with 500 …"""
    drops: int = 0
    """… and so many lose their connection in the middle of the answer."""
    die_at: str = ""
    """Path whose next request kills the server before it answers."""
    answering: asyncio.Event = field(default_factory=_open)
    """Cleared, the server hangs: it accepts connections and answers nothing, not even `/health`."""


class FaultyApp:
    """An ASGI application that shows the faults which lie in the connection."""

    def __init__(self, app: App, faults: Faults, kill: Callable[[], None]) -> None:
        self.app, self.faults, self.kill = app, faults, kill

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await self.faults.answering.wait()
        if scope["path"] == self.faults.die_at:
            self.kill()
            await asyncio.sleep(0)  # where the task of this request is cancelled, too
        for_tokens = scope["path"] in TOKEN_ROUTES
        if for_tokens and self.faults.errors > 0:
            self.faults.errors -= 1
            await _fail(send)
        elif for_tokens and self.faults.drops > 0:
            self.faults.drops -= 1
            await self.app(scope, receive, _half(send))
        else:
            await self.app(scope, receive, send)


async def _fail(send: Send) -> None:
    body = b'{"error":{"message":"CUDA error: an illegal memory access","type":"InternalServerError","code":500}}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _half(send: Send) -> Send:
    """Passes on the head of an answer and half of its body, then breaks off."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.body":
            body = message["body"]
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            raise ConnectionAbortedError("dropped on purpose")
        await send(message)

    return sending
