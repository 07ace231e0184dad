"""A session on a server, and the log of what was played in it, from which another session can be brought to its state.

No I/O happens here: every method is a generator of calls, for `calls.run` or `calls.run_async`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import secrets
import time
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from agentrl.envs.serving.calls import LostError, Patience, Steps, UnsupportedError, call, pause
from agentrl.envs.serving.client import Client, NoAnswerError, NoConnectionError, Request
from agentrl.errors import InfraError

_CLOSE_S = 2.0
"""For deleting a session; where that fails, its lease ends it."""
_CHUNK = 64
"""Calls of one request when a log is played again."""
_POINTS = 32
"""Snapshots that a session keeps on its server."""
_RECOVERIES = 3
"""Sessions that may be lost during one call before it fails."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A call that changed the state of the session."""

    call: str
    """`reset`, `step`, `demonstrator` or `demonstrate`."""
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Log:
    """What brings a new session to the same state."""

    resets: tuple[Entry, ...] = ()
    """Earlier ones since the last seed: they matter for the random numbers that they drew."""
    episode: tuple[Entry, ...] = ()
    """The last reset and what followed."""
    digest: bytes = b""
    """SHA-256 chained over all answers of the episode."""

    def add(self, entry: Entry, answer: Any) -> Log:
        """The log after one more call."""
        resets, episode, digest = self.resets, self.episode, self.digest
        if entry.call == "reset":
            seeded = entry.body.get("seed") is not None
            resets = () if seeded else (*resets, *(e for e in episode[:1] if _draws(e)))
            episode, digest = (), b""
        canonical = json.dumps(answer, sort_keys=True, separators=(",", ":")).encode()
        return Log(resets, (*episode, entry), hashlib.sha256(digest + canonical).digest())


def _draws(reset: Entry) -> bool:
    return reset.body.get("seed") is not None or "task" not in (reset.body.get("options") or {})


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
        repeatable = self.entry.call in ("reset", "step")
        return {**self.entry.body, "request_id": self.request_id} if repeatable else dict(self.entry.body)


@dataclass(frozen=True, slots=True)
class Point:
    """A snapshot: what the server keeps, as long as it does, and the log, from which any session gets there."""

    log: Log
    session: str = ""
    snapshot: str = ""


class RemoteSession:
    """One session of one environment.

    Args:
        servers: any of them will do; the first is tried first.
        env_id: environment to open.
        kwargs: of its constructor.
        recover: whether to go on in a new session, on any of the servers, when this one is lost.
        lease_s: seconds without a call after which the server closes the session.
    """

    def __init__(
        self,
        servers: Sequence[Client],
        env_id: str,
        kwargs: Mapping[str, Any],
        *,
        recover: bool,
        patience: Patience,
        lease_s: float,
    ) -> None:
        self.servers, self.env_id, self.kwargs = servers, env_id, dict(kwargs)
        self.recover, self.patience, self.lease_s = recover, patience, lease_s
        self.client = servers[0]
        self.id = ""
        self.description: dict[str, Any] = {}
        self.log = Log()
        self._points: deque[Point] = deque()
        self._finalizer: weakref.finalize[..., RemoteSession] | None = None

    # -- opening and closing -----------------------------------------------------------------------------------

    def open(self) -> Steps[None]:
        """Open the session on the first server that takes it.

        A server that nobody has ever seen is taken for a wrong address, not for one that will come back.

        Raises:
            LostError: none does.
        """
        body = {"env_id": self.env_id, "kwargs": self.kwargs, "max_episode_steps": -1, "lease_s": self.lease_s}
        once = replace(self.patience, retry_s=0.0)
        until = time.monotonic() + self.patience.retry_s
        for attempt in itertools.count():
            first = self.servers.index(self.client)
            for client in (*self.servers[first:], *self.servers[:first]):
                try:
                    opened = yield from call(client, "POST", "/v1/sessions", body, patience=once)
                except LostError as error:
                    lost = error
                else:
                    self._adopt(client, opened)
                    return
            wait = lost.wait_s or pause(attempt)
            hopeless = lost.refused and not (self.recover and any(c.reached for c in self.servers))
            if hopeless or time.monotonic() + wait > until:
                raise lost
            yield wait

    def close(self) -> None:
        """Delete the session. Repeating that is no error, nor is a server that is gone."""
        if self._finalizer:
            self._finalizer()
        self.id = ""

    def _adopt(self, client: Client, description: dict[str, Any]) -> None:
        self._forget()
        self.client, self.id, self.description = client, description["session"], description
        self._points.clear()
        self._finalizer = weakref.finalize(self, _delete, client, self.id, os.getpid())

    def _forget(self) -> None:
        """Leave a session that is lost to its lease."""
        if self._finalizer:
            self._finalizer.detach()

    # -- playing -----------------------------------------------------------------------------------------------

    def play(self, planned: Planned) -> Steps[Any]:
        """The answer to a call that changes the state; recovers the session where it is lost."""
        if planned.answer is None:
            repeatable = planned.entry.call != "demonstrate"  # which has no request id
            planned.answer = yield from self._surely("POST", planned.entry.call, planned.body, repeatable=repeatable)
        if not planned.logged:
            self.log, planned.logged = self.log.add(planned.entry, planned.answer), True
        return planned.answer

    def ask(self, method: str, route: str, body: Any = None) -> Steps[Any]:
        """The answer to a call that changes nothing."""
        return (yield from self._surely(method, route, body))

    def _surely(self, method: str, route: str, body: Any, *, repeatable: bool = True) -> Steps[Any]:
        for left in reversed(range(_RECOVERIES)):
            path = f"/v1/sessions/{self.id or 'closed'}/{route}"
            try:
                return (yield from call(self.client, method, path, body, patience=self.patience, repeatable=repeatable))
            except LostError:
                if not (self.recover and left):
                    raise
            yield from self._recover()
        raise AssertionError("unreachable")

    def _recover(self) -> Steps[None]:
        """Open another session, on the next server if there is one, and play the log in it."""
        for left in reversed(range(_RECOVERIES)):
            self._forget()
            self.client = self.servers[(self.servers.index(self.client) + 1) % len(self.servers)]
            yield from self.open()
            try:
                yield from self.replay(self.log)
                return
            except LostError:
                if not left:
                    raise

    def replay(self, log: Log) -> Steps[None]:
        """Bring the session, whatever was played in it, to the state of `log`.

        Raises:
            InfraError: the answers were not the same.
        """
        again = Log()
        entries = (*log.resets, *log.episode)
        while entries:
            width = next((i for i, e in enumerate(entries[:_CHUNK]) if e.call not in ("reset", "step")), _CHUNK)
            part, entries = entries[: width or 1], entries[width or 1 :]
            answers = (yield from self._batch(part)) if width else [(yield from self._alone(Planned(part[0])))]
            for entry, answer in zip(part, answers, strict=True):
                again = again.add(entry, answer)
        if again.digest != log.digest:
            raise InfraError(
                f"{self.client.address}: an episode of {len(log.episode)} calls, played again in a new session, "
                f"brought other answers than the first time: {self.env_id} is not the same there, or not deterministic"
            )
        self.log = log

    def _batch(self, entries: Sequence[Entry]) -> Steps[list[Any]]:
        planned = [Planned(entry) for entry in entries]
        yield from play_batch(self.client, [(self, p) for p in planned], self.patience)
        for p in planned:
            if p.answer is None:  # the call alone says what is wrong with it
                p.answer = yield from self._alone(p)
        return [p.answer for p in planned]

    def _alone(self, planned: Planned) -> Steps[Any]:
        path, body = f"/v1/sessions/{self.id}/{planned.entry.call}", planned.body
        return (yield from call(self.client, "POST", path, body, patience=self.patience))

    # -- branching ---------------------------------------------------------------------------------------------

    def snapshot(self) -> Steps[Point]:
        """The point reached. The server keeps the last ones; to an older one, its log leads, more slowly."""
        if len(self._points) == _POINTS:
            path = f"/v1/sessions/{self.id}/snapshots/{self._points.popleft().snapshot}"
            with suppress(LostError):  # the next call will notice
                yield from call(self.client, "DELETE", path, patience=self.patience)
        try:
            made = yield from self._surely("POST", "snapshot", None)
        except UnsupportedError:
            return Point(self.log)
        point = Point(self.log, self.id, made["snapshot"])
        self._points.append(point)
        return point

    def restore(self, point: Point) -> Steps[None]:
        """Continue from a point of this session or of another one."""
        if point.session == self.id and point in self._points:
            try:
                path = f"/v1/sessions/{self.id}/restore"
                yield from call(self.client, "POST", path, {"snapshot": point.snapshot}, patience=self.patience)
            except LostError:
                if not self.recover:
                    raise
                yield from self.open()
            else:
                self.log = point.log
                return
        yield from self.replay(point.log)

    def fork(self) -> Steps[RemoteSession]:
        """Another session at the same point."""
        twin = RemoteSession(
            self.servers, self.env_id, self.kwargs, recover=self.recover, patience=self.patience, lease_s=self.lease_s
        )
        try:
            forked = yield from self._surely("POST", "fork", {"lease_s": self.lease_s})
        except UnsupportedError:
            twin.client = self.client
            yield from twin.open()
            yield from twin.replay(self.log)
        else:
            twin._adopt(self.client, forked)
            twin.log = self.log
        return twin


def play_batch(client: Client, calls: Sequence[tuple[RemoteSession, Planned]], patience: Patience) -> Steps[None]:
    """Fetch the answers to calls of many sessions on one server in one request.

    A call that fails keeps no answer: made again alone, with the same request id, it fails for itself.
    """
    body = [{"session": session.id, "call": p.entry.call, **p.body} for session, p in calls]
    reply = yield from call(client, "POST", "/v1/batch", {"calls": body}, patience=patience)
    for (_, planned), answer in zip(calls, reply["answers"], strict=True):
        if "error" not in answer:
            planned.answer = answer


def _delete(client: Client, session: str, owner: int) -> None:
    if os.getpid() != owner:
        return  # a forked process has copies of its parent's objects
    with suppress(NoConnectionError, NoAnswerError, InfraError):  # its lease ends it
        client.send(Request(client, "DELETE", f"/v1/sessions/{session}", None, _CLOSE_S))
