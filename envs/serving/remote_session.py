"""A session on a server, which another session can replace where it is lost.

No I/O happens here: every method is a generator of calls, for `calls.run` or `calls.run_async`.
"""

from __future__ import annotations

import itertools
import os
import time
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import gymnasium as gym

from agentrl.envs.serving.calls import BusyError, LostError, Patience, Steps, UnsupportedError, call, pause
from agentrl.envs.serving.client import Client, NoAnswerError, NoConnectionError, Request
from agentrl.envs.serving.play_log import Entry, Log, Planned, Point, chain
from agentrl.errors import InfraError

_CLOSE_S = 2.0
"""For deleting a session; where that fails, its lease ends it."""
_CHUNK = 8
"""Calls of one request when a log is played again: as many answers as the server keeps for a repetition."""
_POINTS = 32
"""Snapshots that a session keeps on its server."""
_RECOVERIES = 3
"""Sessions that may be lost during one call before it fails."""


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
            LostError, BusyError: none does.
        """
        body = {"env_id": self.env_id, "kwargs": self.kwargs, "max_episode_steps": -1, "lease_s": self.lease_s}
        once = replace(self.patience, retry_s=0.0)
        until = time.monotonic() + self.patience.retry_s
        for attempt in itertools.count():
            first = self.servers.index(self.client)
            for client in (*self.servers[first:], *self.servers[:first]):
                try:
                    opened = yield from call(client, "POST", "/v1/sessions", body, patience=once)
                except (LostError, BusyError) as error:
                    problem = error
                else:
                    self._adopt(client, opened)
                    return
            wait = problem.wait_s if isinstance(problem, BusyError) else pause(attempt)
            nobody = isinstance(problem, LostError) and problem.refused
            hopeless = nobody and not (self.recover and any(c.reached for c in self.servers))
            if hopeless or time.monotonic() + wait > until:
                raise problem
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
        entry = planned.entry
        if planned.answer is None:
            log = Log() if entry.call == "reset" and entry.body.get("seed") is not None else self.log
            planned.answer = yield from self._surely(
                "POST", entry.call, planned.body, log=log, repeatable=entry.call != "demonstrate"
            )
        if not planned.logged:
            self.log = self.log.add(entry, planned.answer, has_tasks=self._has_tasks)
            planned.logged = True
        return planned.answer

    def ask(self, method: str, route: str, body: Any = None) -> Steps[Any]:
        """The answer to a call that changes nothing."""
        return (yield from self._surely(method, route, body, log=self.log))

    def _surely(self, method: str, route: str, body: Any, *, log: Log, repeatable: bool = True) -> Steps[Any]:
        """The answer to a call; where the session is lost, that of another one at the state of `log`."""
        left = _RECOVERIES if self.recover else 0
        while True:
            try:
                return (yield from self._call(method, route, body, repeatable=repeatable))
            except LostError:
                if not left:
                    raise
            left -= 1
            yield from self._recover(log)

    def _recover(self, log: Log) -> Steps[None]:
        """Open another session, on the next server if there is one, and bring it to the state of `log`."""
        left = _RECOVERIES
        while True:
            self._forget()
            self.client = self.servers[(self.servers.index(self.client) + 1) % len(self.servers)]
            yield from self.open()
            try:
                self.log = Log()
                yield from self._replay(log.draws)
                self.log = Log(log.draws)
                yield from self.go_to(log)
                return
            except LostError:
                left -= 1
                if not left:
                    raise

    def go_to(self, log: Log) -> Steps[None]:
        """Bring the session, whatever is played in it, to the episode of `log`.

        Raises:
            InfraError: the answers are not the same.
        """
        digest = b""
        for answer in (yield from self._replay(log.episode)):
            digest = chain(digest, answer)
        if digest != log.digest:
            raise InfraError(
                f"{self.client.address}: an episode of {len(log.episode)} calls, played again in a new session, "
                f"brought other answers than the first time: {self.env_id} is not the same there, or not deterministic"
            )
        self.log = replace(log, draws=self.log.draws)

    def _replay(self, entries: Sequence[Entry]) -> Steps[list[Any]]:
        """The answers to calls that have been made before."""
        planned = [Planned(entry) for entry in entries]
        for batchable, run in itertools.groupby(planned, lambda p: p.entry.batchable):
            part = list(run)
            if batchable:
                for begin in range(0, len(part), _CHUNK):
                    chunk = [(self, p) for p in part[begin : begin + _CHUNK]]
                    yield from play_batch(self.client, chunk, self.patience)
            for p in part:
                if p.answer is None:  # one that failed in a batch says by itself what is wrong
                    p.answer = yield from self._call("POST", p.entry.call, p.body)
        return [p.answer for p in planned]

    def _call(self, method: str, route: str, body: Any = None, *, repeatable: bool = True) -> Steps[Any]:
        if not self.id:
            raise gym.error.ClosedEnvironmentError("this environment was closed: make a new one")
        path = f"/v1/sessions/{self.id}/{route}"
        return (yield from call(self.client, method, path, body, patience=self.patience, repeatable=repeatable))

    @property
    def _has_tasks(self) -> bool:
        return bool(self.description["splits"])

    # -- branching ---------------------------------------------------------------------------------------------

    def snapshot(self) -> Steps[Point]:
        """The point reached. The server keeps the last ones; to an older one, its log leads, more slowly."""
        if len(self._points) == _POINTS:
            with suppress(LostError):  # the next call will notice
                yield from self._call("DELETE", f"snapshots/{self._points.popleft().snapshot}")
        try:
            made = yield from self._surely("POST", "snapshot", None, log=self.log)
        except UnsupportedError:
            return Point(self.log)
        point = Point(self.log, self.id, made["snapshot"])
        self._points.append(point)
        return point

    def restore(self, point: Point) -> Steps[None]:
        """Continue from a point of this session or of another one."""
        log = replace(point.log, draws=self.log.draws)
        try:
            if point.session == self.id and point in self._points:
                yield from self._call("POST", "restore", {"snapshot": point.snapshot})
                self.log = log
            else:
                yield from self.go_to(log)
        except LostError:
            if not self.recover:
                raise
            yield from self._recover(log)

    def fork(self) -> Steps[RemoteSession]:
        """Another session at the same point."""
        twin = RemoteSession(
            self.servers, self.env_id, self.kwargs, recover=self.recover, patience=self.patience, lease_s=self.lease_s
        )
        try:
            forked = yield from self._surely("POST", "fork", {"lease_s": self.lease_s}, log=self.log)
        except UnsupportedError:
            twin.client = self.client
            yield from twin.open()
            yield from twin._replay(self.log.draws)
            twin.log = Log(self.log.draws)
            yield from twin.go_to(self.log)
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
