"""One vLLM server: its connections, what it can do, and whether it may be used."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import urlsplit

from agentrl.agents.vllm import replies, wire
from agentrl.agents.vllm.capabilities import VLLMCapabilities, probe
from agentrl.agents.vllm.wire import Call
from agentrl.errors import ConfigError, InfraError, MissingExtraError

try:
    import aiohttp
except ImportError as error:
    raise MissingExtraError("aiohttp", "vllm") from error

State = Literal["live", "stale", "dead", "draining"]
"""`live` takes requests; `stale` answers, but with weights that no publish has verified; `dead` does not answer;
`draining` ends what it has begun."""

KEEPALIVE_S = 1.0
"""Idle connections are closed long before vLLM does so (after 5 s). A burst of thousands of requests takes seconds to
send, and what meets a connection that is just closing is lost: at 4 s it was most of a burst of 4,096, at 1 s none."""
HEALTH_S = 10.0
"""Limit of a health check."""


class ReplicaLostError(InfraError):
    """A replica did not answer, or broke off."""


class ReplicaFailedError(InfraError):
    """A replica answered that it cannot: it has trouble (5xx), too much to do (429), or is paused (503)."""


class ReplicaRefusedError(InfraError):
    """A replica understood the request and will not do it: repeating it cannot help."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class Replica:
    """A client of one server. All requests run in one event loop, as many at a time as are made.

    Args:
        url: `http://host:port`, or with a path if a proxy wants one.
        api_key: sent as a bearer token; "" for none.
        timeout_s: limit of one request.
    """

    capabilities: VLLMCapabilities

    def __init__(self, url: str, *, api_key: str = "", timeout_s: float = 600.0) -> None:
        self.url = url.rstrip("/")
        self.state: State = "stale"
        self.why = "not started"
        """What brought it into this state."""
        self.life = 0
        """Counts returns from the dead: connections beside HTTP do not outlive it."""
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s
        self._http: aiohttp.ClientSession | None = None

    async def send(self, call: Call, *, timeout_s: float | None = None) -> Any:
        """The JSON of the answer, or None where it is none.

        Raises:
            ReplicaLostError: no answer, or half of one.
            ReplicaFailedError: an answer that might be another one another time.
            ReplicaRefusedError: an answer that will always be the same.
        """
        limit = aiohttp.ClientTimeout(total=timeout_s or self._timeout_s)
        try:
            async with self._session().request(
                call.method, self.url + call.path, json=call.body, params=call.query, timeout=limit
            ) as response:
                content = await response.read()
        except (aiohttp.ClientError, OSError) as e:  # TimeoutError is an OSError
            raise ReplicaLostError(f"{self.url} does not answer {call.path}: {type(e).__name__} {e}".rstrip()) from e
        is_json = response.content_type == "application/json" and content
        try:
            reply = json.loads(content) if is_json else None
        except ValueError as e:
            raise ReplicaLostError(f"{self.url} answers {call.path} with broken JSON: {e}") from e
        if response.ok:
            return reply
        said = reply if isinstance(reply, Mapping) else content.decode(errors="replace")
        error = str(replies.failure(response.status, said, f"{call.method} {self.url}{call.path}"))
        if response.status >= 500 or response.status in (408, 429):
            raise ReplicaFailedError(error)
        raise ReplicaRefusedError(response.status, error)

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S)
            self._http = aiohttp.ClientSession(connector=connector, headers=self._headers)
        return self._http

    async def probe(self) -> None:
        """Find out what it can do.

        Raises:
            ConfigError: this is no vLLM server, or too old a one.
            InfraError: it does not answer.
        """

        async def get(path: str) -> tuple[int, Any]:
            try:
                return 200, await self.send(Call(path, method="GET"))
            except ReplicaRefusedError as e:
                return e.status, None

        try:
            self.capabilities = await probe(get)
        except ConfigError as e:
            raise ConfigError(f"{self.url}: {e}") from e

    async def healthy(self) -> bool:
        """Whether it answers and its engine is alive."""
        try:
            await self.send(wire.HEALTH, timeout_s=HEALTH_S)
        except InfraError:
            return False
        return True

    async def ended(self) -> None:
        """Return when the server's process ends, or cannot be reached.

        A connection on which nothing is ever sent lasts as long as the process. So a server that is started anew
        between two requests, with the weights that it began with, does not pass for the old one.
        """
        address = urlsplit(self.url)
        tls = address.scheme == "https"
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(
                address.hostname, address.port or (443 if tls else 80), ssl=tls or None
            )
            try:
                await reader.read()
            finally:
                writer.close()

    async def disconnect(self) -> None:
        """Break off all requests; they raise `ReplicaLostError`. The next one connects again."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    def __str__(self) -> str:
        return f"{self.url} ({self.state}: {self.why})" if self.why else f"{self.url} ({self.state})"
