"""What was played in a session, kept by the client: enough to bring another session to the same state."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """A call that changes the state of a session."""

    call: str
    """`reset`, `step`, `demonstrator` or `demonstrate`."""
    body: Mapping[str, Any]

    @property
    def batchable(self) -> bool:
        """Whether it goes into a batch, and has a request id, so that it may be repeated."""
        return self.call in ("reset", "step")


@dataclass(slots=True)
class Planned:
    """A call with its request id; and its answer, where a batch or a coroutine has fetched that already."""

    entry: Entry
    request_id: str = field(default_factory=lambda: secrets.token_hex(8))
    answer: Any = None
    logged: bool = False

    @property
    def body(self) -> dict[str, Any]:
        """What is sent."""
        return {**self.entry.body, "request_id": self.request_id} if self.entry.batchable else dict(self.entry.body)


@dataclass(frozen=True, slots=True)
class Log:
    """The random numbers and the running episode of a session are two things: `restore` changes only the latter."""

    draws: tuple[Entry, ...] = ()
    """The last reset with a seed, and the later ones that drew their task: they bring the random numbers about."""
    episode: tuple[Entry, ...] = ()
    """The last reset, and what followed."""
    digest: bytes = b""
    """SHA-256 chained over all answers of the episode."""

    def add(self, entry: Entry, answer: Any, *, has_tasks: bool) -> Log:
        """The log after one more call.

        Args:
            has_tasks: whether `reset` takes a task, and the same task then begins the same episode.
        """
        if entry.call != "reset":
            return Log(self.draws, (*self.episode, entry), chain(self.digest, answer))
        options = entry.body.get("options") or {}
        draws = self.draws
        if entry.body.get("seed") is not None:
            draws = (entry,)
        elif "task" not in options:
            draws = (*draws, entry)
        if has_tasks:  # then nothing needs to be drawn again to begin it again
            body = {name: value for name, value in entry.body.items() if name != "seed"}
            entry = Entry("reset", {**body, "options": {**options, "task": answer["info"]["task_id"]}})
        return Log(draws, (entry,), chain(b"", answer))


def chain(digest: bytes, answer: Any) -> bytes:
    """The digest of all answers so far."""
    canonical = json.dumps(answer, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(digest + canonical).digest()


@dataclass(frozen=True, slots=True)
class Point:
    """A snapshot: what the server keeps, as long as it does, and the log, from which any session gets there."""

    log: Log
    session: str = ""
    snapshot: str = ""
