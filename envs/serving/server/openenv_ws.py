"""OpenEnv's WebSocket: one connection is one session."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from websockets.http11 import Request

from agentrl.envs.serving.server import mcp, openenv
from agentrl.envs.serving.server.calls import Reply, Reset, State, Step
from agentrl.envs.serving.server.catalogue import Catalogue, Offer
from agentrl.envs.serving.server.codec import Decoder, encode
from agentrl.envs.serving.server.http import authorized
from agentrl.envs.serving.server.refusal import Refusal
from agentrl.envs.serving.server.session import Session
from agentrl.envs.serving.server.sessions import Sessions
from agentrl.envs.serving.server.websocket import PING_S, WebSocket
from agentrl.errors import ConfigError

LEASE_S = 3 * PING_S
_PATH = re.compile(r"/ws|/envs/([^/]+)/ws")
_CODES = {
    "invalid": "VALIDATION_ERROR",
    "over_capacity": "CAPACITY_REACHED",
    "draining": "CAPACITY_REACHED",
    "session_lost": "SESSION_ERROR",
    "not_found": "SESSION_ERROR",
}
"""OpenEnv's names of our codes; all others are EXECUTION_ERROR."""


class Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What a client sends."""

    type: str
    data: dict[str, Any] | None = None


_message = Decoder.of(Message)


@dataclass(frozen=True, slots=True)
class Context:
    """What all connections share."""

    sessions: Sessions
    catalogue: Catalogue
    token: str


class Connection(WebSocket):
    """A client of `/ws` or `/envs/ID/ws`."""

    def __init__(self, context: Context, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._context, self._sessions = context, context.sessions
        self._offer: Offer
        self._session: Session | None = None
        self._gone = False

    def opening(self, request: Request) -> tuple[int, str] | None:
        if not authorized(request.headers.get("Authorization"), self._context.token):
            return 401, "send the header Authorization: Bearer TOKEN, with the server's token\n"
        match = _PATH.fullmatch(unquote(urlsplit(request.path).path))
        try:
            if match is None:
                raise Refusal("not_found", "WebSockets are at /ws and /envs/ID/ws")
            self._offer = self._context.catalogue.find(match[1])
        except Refusal as refusal:
            return refusal.status, f"{refusal}\n"
        return None

    async def opened(self) -> bytes | None:
        try:
            session, _ = await self._sessions.open(
                self._offer.env_id, lease_s=LEASE_S, form="openenv", on_lost=self._lost
            )
        except Refusal as refusal:
            return self._error(self._sessions.refuse(refusal))
        self._session = session
        if self._gone:
            self.closed()
        return None

    def alive(self) -> None:
        if self._session:
            self._session.renew()

    def closed(self) -> None:
        self._gone = True
        if self._session:
            self._sessions.close(self._session.id)

    def message(self, data: bytes) -> bytes | Awaitable[bytes] | None:
        assert self._session
        try:
            message: Message = _message(data)
        except ConfigError as error:
            code = "VALIDATION_ERROR" if _is_json(data) else "INVALID_JSON"
            return self._error(self._sessions.refuse(error), code)
        fields, session = message.data or {}, self._session.id
        try:
            match message.type:
                case "step":
                    action = openenv.action_of(self._offer.field, fields)
                    return self._framed("observation", self._sessions.call(Step(session=session, action=action)))
                case "reset":
                    seed, options = openenv.reset_options(fields)
                    call = Reset(session=session, seed=seed, options=options)
                    return self._framed("observation", self._sessions.call(call))
                case "state":
                    return self._framed("state", self._sessions.call(State(session=session)))
                case "mcp":
                    return self._mcp(fields)
                case "close":
                    return None
        except ConfigError as error:
            return self._error(self._sessions.refuse(error))
        unknown = ConfigError(f"type is reset, step, state, mcp or close, not {message.type!r:.80}")
        return self._error(self._sessions.refuse(unknown), "UNKNOWN_TYPE")

    def _framed(self, kind: str, answer: Reply | Awaitable[Reply]) -> bytes | Awaitable[bytes]:
        if isinstance(answer, Reply):
            return b'{"type":"%s","data":%s}' % (kind.encode(), answer.body) if answer.ok else self._error(answer)

        async def later() -> bytes:
            framed = self._framed(kind, await answer)
            assert isinstance(framed, bytes)
            return framed

        return later()

    def _error(self, reply: Reply, code: str = "") -> bytes:
        code = code or _CODES.get(reply.code, "EXECUTION_ERROR")
        said = msgspec.json.decode(reply.body)["error"]
        data: dict[str, Any] = {"message": said["message"], "code": code}
        if code == "VALIDATION_ERROR":
            data["errors"] = [{"type": "invalid", "msg": said["message"]}]
        if code == "CAPACITY_REACHED":
            data |= {"active_sessions": len(self._sessions), "max_sessions": self._sessions.max_sessions}
        return encode({"type": "error", "data": data})

    def _lost(self, why: str) -> None:
        self.end_after_answer(1011, why[:100])

    # -- tools: one connection has one session, whatever it is called ------------------------------------------

    async def _mcp(self, request: Mapping[str, Any]) -> bytes:
        return encode({"type": "mcp", "data": await mcp.answer(request, self._offer, _Player(self))})

    async def call(self, call: Reset | Step) -> Reply:
        """The answer of the connection's session."""
        answer = self._sessions.call(call)
        return answer if isinstance(answer, Reply) else await answer

    @property
    def session(self) -> str:
        """The session's id."""
        assert self._session
        return self._session.id


class _Player:
    """The session of a connection, for tools."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(self, offer: Offer, name: str = "") -> str:
        return self._connection.session

    def close(self, offer: Offer, name: str) -> bool:
        raise mcp.RpcError(mcp.INVALID_REQUEST, "the session ends with the connection: close that")

    async def reset(self, offer: Offer, data: Mapping[str, Any]) -> Reply:
        seed, options = openenv.reset_options(data)
        return await self._connection.call(Reset(session=self._connection.session, seed=seed, options=options))

    async def step(self, offer: Offer, name: Any, data: Mapping[str, Any], request_id: str | None = None) -> Reply:
        action = openenv.action_of(offer.field, data)
        return await self._connection.call(Step(session=self._connection.session, action=action))


def _is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except ValueError:
        return False
    return True
