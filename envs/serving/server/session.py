"""One session: its lease, and the answers that it gives twice but plays once."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from agentrl.envs.serving.server.calls import Reply, Reset, Step
from agentrl.envs.serving.server.codec import encode
from agentrl.envs.serving.server.holder import Holder
from agentrl.envs.serving.server.refusal import Refusal

RECORDED = 8
"""Answers that a session keeps for a client that repeats a call."""


@dataclass(slots=True)
class Session:
    """One environment of one client."""

    id: str
    env_id: str
    holder: Holder
    lease_s: float
    on_lost: Callable[[str], None] | None
    """Told why the session ended without its client's doing."""
    used: float = field(default_factory=time.monotonic)
    steps: int = 0
    task_id: str = ""
    running: tuple[bytes, asyncio.Future[Reply]] | None = None
    """The call that is being played: its digest and its answer to be."""
    closing: bool = False
    """Closed as soon as that is over."""
    answers: OrderedDict[str, tuple[bytes, Reply]] | None = None
    """By request id: the digest of the call, and its answer."""

    def renew(self, lease_s: float | None = None) -> None:
        """Begin the lease anew, from now on of this length."""
        self.used, self.lease_s = time.monotonic(), lease_s or self.lease_s

    def about(self) -> dict[str, Any]:
        """What lists of sessions show."""
        return {
            "session": self.id,
            "env_id": self.env_id,
            "task_id": self.task_id,
            "steps": self.steps,
            "idle_s": 0.0 if self.running else time.monotonic() - self.used,
        }

    def recorded(self, request_id: str, digest: bytes) -> Reply | Awaitable[Reply] | None:
        """The answer to an earlier call of this request id, be it still to come; None if there was none lately.

        Raises:
            Refusal: that was another call.
        """
        if self.running and self.running[0] == digest:
            return asyncio.shield(self.running[1])
        if self.answers is None or request_id not in self.answers:
            return None
        before, reply = self.answers[request_id]
        if before != digest:
            message = f"request_id {request_id!r} was used for another call on this session: take a new one for each"
            raise Refusal("request_id_reused", message)
        return reply

    def record(self, request_id: str, digest: bytes, reply: Reply) -> None:
        """Keep an answer, and forget the oldest."""
        if self.answers is None:
            self.answers = OrderedDict()
        self.answers[request_id] = digest, reply
        if len(self.answers) > RECORDED:
            self.answers.popitem(last=False)


def digest_of(call: Step | Reset) -> bytes:
    """What tells a repeated call from another one with the same request id."""
    return hashlib.blake2b(encode(call), digest_size=16).digest()
