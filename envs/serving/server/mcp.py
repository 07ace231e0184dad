"""Environments as tools: the Model Context Protocol's JSON-RPC, with OpenEnv's methods for sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

import agentrl
from agentrl.envs.serving.server.calls import Reply
from agentrl.envs.serving.server.catalogue import Offer
from agentrl.envs.serving.server.refusal import refusal_of

PROTOCOL_VERSIONS = ("2025-06-18", "2025-03-26", "2024-11-05")
"""Of MCP; the first is what a client gets that asks for none of these."""
PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS, SERVER_ERROR = -32700, -32600, -32601, -32602, -32000


class Player(Protocol):
    """Who plays: the episodes of HTTP clients, or one WebSocket connection, to which names mean nothing."""

    async def open(self, offer: Offer, name: str = "") -> str: ...

    def close(self, offer: Offer, name: str) -> bool: ...

    async def reset(self, offer: Offer, data: Mapping[str, Any]) -> Reply: ...

    async def step(self, offer: Offer, name: Any, data: Mapping[str, Any], request_id: str | None = None) -> Reply: ...


class RpcError(Exception):
    """A call that gets an error of JSON-RPC."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


async def answer(message: Any, offer: Offer, player: Player) -> dict[str, Any] | None:
    """The answer to one message; None to a notification."""
    number = message.get("id") if isinstance(message, dict) else None
    try:
        if (
            not isinstance(message, dict)
            or message.get("jsonrpc") != "2.0"
            or not isinstance(message.get("method"), str)
        ):
            raise RpcError(INVALID_REQUEST, 'send {"jsonrpc": "2.0", "id": 1, "method": …, "params": {…}}')
        if "id" not in message:
            return None
        params = message.get("params", {})
        if not isinstance(params, dict):
            raise RpcError(INVALID_PARAMS, "params is an object")
        result = await _result(message["method"], params, offer, player)
    except RpcError as error:
        return {"jsonrpc": "2.0", "id": number, "error": {"code": error.code, "message": str(error)}}
    except Exception as error:  # noqa: BLE001 - answered, and logged if it is our fault
        refusal = refusal_of(error)
        data = {"code": refusal.code}
        return {"jsonrpc": "2.0", "id": number, "error": {"code": SERVER_ERROR, "message": str(refusal), "data": data}}
    return {"jsonrpc": "2.0", "id": number, "result": result}


async def _result(method: str, params: dict[str, Any], offer: Offer, player: Player) -> dict[str, Any]:
    match method:
        case "initialize":
            asked = params.get("protocolVersion")
            return {
                "protocolVersion": asked if asked in PROTOCOL_VERSIONS else PROTOCOL_VERSIONS[0],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": offer.env_id, "version": agentrl.__version__},
                "instructions": offer.description,
            }
        case "ping":
            return {}
        case "tools/list":
            return {"tools": tools(offer)}
        case "tools/call":
            return await _use(params, offer, player)
        case "openenv/session/create":
            return {"session_id": await player.open(offer)}
        case "openenv/session/close":
            name = params.get("session_id")
            if not isinstance(name, str) or not player.close(offer, name):
                raise RpcError(INVALID_PARAMS, f"no session {name!r:.80}: openenv/session/create makes one")
            return {"session_id": name, "closed": True}
    raise RpcError(NO_METHOD, f"no method {method!r:.80}")


def tools(offer: Offer) -> list[dict[str, Any]]:
    """The tools as `tools/list` describes them."""
    session = {"session_id": {"type": "string", "description": "The episode_id of an earlier reset."}}
    reset = {
        "seed": {"type": "integer", "minimum": 0, "description": "Of the draw of a task."},
        "task": {"type": "string", "description": "The task to play."},
    }
    action = offer.schemas["action"]
    return [
        {
            "name": "reset",
            "description": f"Begin an episode. {offer.description}",
            "inputSchema": {"type": "object", "properties": reset | session, "additionalProperties": False},
        },
        {
            "name": "step",
            "description": "Carry out one action of the episode.",
            "inputSchema": action | {"properties": action["properties"] | session},
        },
    ]


async def _use(params: dict[str, Any], offer: Offer, player: Player) -> dict[str, Any]:
    arguments = params.get("arguments", {})
    if not isinstance(arguments, dict):
        raise RpcError(INVALID_PARAMS, "arguments is an object")
    arguments = dict(arguments)
    session = arguments.pop("session_id", None) or params.get("session_id")
    match params.get("name"):
        case "reset":
            reply = await player.reset(offer, arguments | ({"episode_id": session} if session else {}))
        case "step":
            reply = await player.step(offer, session, arguments)
        case other:
            raise RpcError(INVALID_PARAMS, f"no tool {other!r:.80}: there are reset and step")
    said = msgspec.json.decode(reply.body)
    if not reply.ok:
        return {"content": [{"type": "text", "text": said["error"]["message"]}], "isError": True}
    observation = said["observation"]
    text = observation["text"] if "text" in observation else msgspec.json.encode(observation).decode()
    return {"content": [{"type": "text", "text": text}], "structuredContent": said, "isError": False}
