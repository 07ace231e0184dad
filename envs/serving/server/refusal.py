"""What a client is told when a call cannot be served."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import gymnasium as gym
import msgspec

from agentrl.envs.serving.server.calls import Reply
from agentrl.envs.serving.server.codec import encode
from agentrl.errors import AgentRLError, InfraError, UnknownNameError

log = logging.getLogger("agentrl.serve")

STATUS = {
    "bad_index": 400,
    "unauthorized": 401,
    "not_found": 404,
    "method_not_allowed": 405,
    "no_episode": 409,
    "session_busy": 409,
    "request_id_reused": 409,
    "session_lost": 410,
    "too_large": 413,
    "invalid": 422,
    "over_capacity": 429,
    "internal": 500,
    "unsupported": 501,
    "infra_error": 502,
    "draining": 503,
}
"""The status of each code."""


class Refusal(Exception):  # noqa: N818 - no error of ours, an answer
    """A call is answered with an error.

    Args:
        code: one of `STATUS`.
        message: what happened, and what to send instead.
        retry_after_s: seconds until it may be worth trying again.
        details: what else the error has, see PROTOCOL.md.
    """

    def __init__(self, code: str, message: str, *, retry_after_s: int | None = None, **details: Any) -> None:
        super().__init__(message)
        self.code, self.retry_after_s, self.details = code, retry_after_s, details

    @classmethod
    def of(cls, reply: Reply) -> Refusal:
        """The refusal that a reply is, to answer another call with."""
        error = msgspec.json.decode(reply.body)["error"]
        return cls(**error, retry_after_s=reply.retry_after_s)

    @property
    def status(self) -> int:
        return STATUS[self.code]

    def reply(self) -> Reply:
        """The answer."""
        error = {"code": self.code, "message": str(self), **self.details}
        return Reply(self.status, encode({"error": error}), code=self.code, retry_after_s=self.retry_after_s)


def refusal_of(error: Exception) -> Refusal:
    """What a client is told of an exception; what is nobody's but our own fault goes to the log."""
    match error:
        case Refusal():
            return error
        case InfraError():
            return Refusal("infra_error", str(error))
        case UnknownNameError():
            return Refusal("invalid", str(error), unknown={"kind": error.kind, "name": error.name})
        case AgentRLError():
            return Refusal("invalid", str(error))
        case gym.error.ResetNeeded():
            return Refusal("no_episode", str(error))
    error_id = secrets.token_hex(6)
    log.error("error %s", error_id, exc_info=error)
    return Refusal("internal", f"{type(error).__name__} in the server; its log has it as {error_id}", id=error_id)
