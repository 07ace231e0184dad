"""The fake as a server: on a free loopback port, within the running event loop."""

from __future__ import annotations

import asyncio
import socket
from types import TracebackType
from typing import Any, Self

import uvicorn
from fastapi import FastAPI
from starlette.responses import JSONResponse

from agentrl.agents.vllm.fake.control import ControlRoutes
from agentrl.agents.vllm.fake.faults import App, Faults, FaultyApp, Receive, Scope, Send
from agentrl.agents.vllm.fake.http import RefusedError, refusal
from agentrl.agents.vllm.fake.policy import Policy
from agentrl.agents.vllm.fake.releases import Flags, release
from agentrl.agents.vllm.fake.scheduler import Scheduler
from agentrl.agents.vllm.fake.tokens import TokenRoutes
from agentrl.agents.vllm.fake.weights import Weights


class FakeServer:
    """A vLLM server of some release, as an async context manager.

        async with FakeServer("0.32.0", ScriptedPolicy(), enable_lora=True) as server:
            ... server.url ...

    Args:
        name: the release, one of `releases.RELEASES`.
        policy: what it samples from.
        port: 0 takes a free one.
        host: address to listen on.
        flags: how it is started, see `Flags`.

    Raises:
        UnknownNameError: the fake does not know the release.
    """

    def __init__(self, name: str, policy: Policy, *, port: int = 0, host: str = "127.0.0.1", **flags: Any) -> None:
        facts, self.flags, self.faults = release(name), Flags(**flags), Faults()
        self.policy, self.host, self.port = policy, host, port
        self.weights = Weights(policy, facts, self.flags, self.faults)
        self.scheduler = Scheduler(policy, lambda: self.weights.label, self._gives_raw)
        self._tokens = TokenRoutes(self.scheduler, self.weights)
        self.seen = self._tokens.seen
        """Bodies of the latest requests for tokens."""
        app = FastAPI()
        app.add_exception_handler(RefusedError, refusal)
        # Raised again once it is answered, so that uvicorn closes the connection after it, as vLLM's does.
        app.add_exception_handler(Exception, refusal)
        self._tokens.attach(app)
        ControlRoutes(self.scheduler, self.weights).attach(app)
        guarded = _Guard(app, self.flags.api_key, facts.guarded) if self.flags.api_key else app
        config = uvicorn.Config(
            FaultyApp(guarded, self.faults, self.kill), log_level="critical", lifespan="off", ws="none"
        )
        self._server = uvicorn.Server(config)
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        # asyncio sets TCP_NODELAY only where the protocol is given; without it each answer may take 40 ms more.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((self.host, self.port))
        self.port = listening.getsockname()[1]
        self.scheduler.start()
        # `serve` would take the signals of the process, which is not ours alone.
        self._serving = asyncio.create_task(self._server._serve([listening]))
        while not self._server.started:
            if self._serving.done():
                await self._serving
            await asyncio.sleep(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.die()

    async def wait(self) -> None:
        """Until the server ends."""
        assert self._serving is not None
        await asyncio.shield(self._serving)

    def kill(self) -> None:
        """At once, as by `kill -9`: all connections are reset, the port is closed and nobody gets an answer."""
        for listener in self._server.servers:
            listener.close()
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        for task in (self._serving, *self._server.server_state.tasks):
            if task is not None:
                task.cancel()

    async def die(self) -> None:
        """`kill`, and wait until all has ended."""
        self.kill()
        await self.scheduler.stop()
        if self._serving is not None:
            await asyncio.gather(self._serving, *self._server.server_state.tasks, return_exceptions=True)

    async def in_flight(self, requests: int, tokens: int = 1) -> None:
        """Wait until so many requests run, and each has at least so many tokens."""
        await self.scheduler.until(lambda: sum(len(r.logprobs) >= tokens for r in self.scheduler.running) >= requests)

    def _gives_raw(self) -> bool:
        return self.faults.raw_logprobs or self.flags.logprobs_mode == "raw_logprobs"


class _Guard:
    """vLLM's API key: it guards some prefixes only, and not the routes that change weights."""

    def __init__(self, app: App, key: str, prefixes: tuple[str, ...]) -> None:
        self.app, self.key, self.prefixes = app, key, prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(self.prefixes):
            headers = dict(scope["headers"])
            if headers.get(b"authorization") != f"Bearer {self.key}".encode():
                await JSONResponse({"error": "Unauthorized"}, 401)(scope, receive, send)
                return
        await self.app(scope, receive, send)
