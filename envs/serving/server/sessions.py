"""The sessions of a server: who may call what, places, and the loss of sessions."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from agentrl.envs.serving.server.calls import AnyCall, Close, Fork, Form, Open, Reply, Reset, Step
from agentrl.envs.serving.server.holder import Holder
from agentrl.envs.serving.server.metrics import Metrics
from agentrl.envs.serving.server.refusal import Refusal, refusal_of
from agentrl.envs.serving.server.session import Session, digest_of

RETRY_AFTER_S = 5
"""What a client without a session is told to wait."""
_REMEMBERED = 10_000
"""Sessions that were lost, so that their clients hear why."""


class Sessions:
    """All sessions of a server.

    Args:
        holders: where environments can be; a new one goes where the fewest are.
        max_sessions: open at a time.
    """

    def __init__(self, holders: Sequence[Holder], max_sessions: int) -> None:
        self._load = dict.fromkeys(holders, 0)
        self.max_sessions = max_sessions
        self.draining = False
        self.metrics = Metrics(lambda: len(self._open))
        self._open: dict[str, Session] = {}
        self._lost: OrderedDict[str, str] = OrderedDict()
        self._places = max_sessions
        self._tasks: set[asyncio.Future[Any]] = set()
        """Strong references: the event loop itself has weak ones only."""

    def __len__(self) -> int:
        return len(self._open)

    def all(self) -> Sequence[Session]:
        """All open sessions."""
        return list(self._open.values())

    def find(self, session: str) -> Session:
        """An open session.

        Raises:
            Refusal: there is none of this id, or none any more.
        """
        if found := self._open.get(session):
            return found
        if why := self._lost.get(session):
            raise Refusal("session_lost", f"session {session} is gone: {why}; open another one")
        raise Refusal("not_found", f"no session {session!r:.80}: POST /v1/sessions opens one")

    # -- opening and closing -----------------------------------------------------------------------------------

    async def open(
        self,
        env_id: str,
        *,
        lease_s: float,
        kwargs: Mapping[str, Any] | None = None,
        max_episode_steps: int | None = None,
        form: Form = "v1",
        on_lost: Callable[[str], None] | None = None,
    ) -> tuple[Session, dict[str, Any]]:
        """Open a session; also returns its description.

        Raises:
            Refusal: there is no room, or the environment refuses its arguments.
        """
        holder = min(self._load, key=self._load.__getitem__)
        self._take_place(holder)
        session = Session(_new_id(), env_id, holder, lease_s, on_lost)
        call = Open(
            session=session.id, env_id=env_id, kwargs=dict(kwargs or {}), max_episode_steps=max_episode_steps, form=form
        )
        return session, await self._install(session, holder.play(call))

    async def fork(self, session: str, snapshot: str | None, lease_s: float | None) -> dict[str, Any]:
        """A second session at the point of another one, or at one of its snapshots; returns its description.

        Raises:
            Refusal: there is no room, or no such point, or the environment cannot be forked.
        """
        origin = self.find(session)
        self._take_place(origin.holder)
        twin = Session(_new_id(), origin.env_id, origin.holder, lease_s or origin.lease_s, None)
        return await self._install(twin, self.call(Fork(session=session, twin=twin.id, snapshot=snapshot)))

    def _take_place(self, holder: Holder) -> None:
        if self.draining:
            raise Refusal("draining", "the server is shutting down: go to another one", retry_after_s=RETRY_AFTER_S)
        if not self._places:
            message = f"all {self.max_sessions} sessions are open: close one, or try again later"
            raise Refusal("over_capacity", message, retry_after_s=RETRY_AFTER_S)
        self._places -= 1
        self._load[holder] += 1

    async def _install(self, session: Session, answer: Reply | Awaitable[Reply]) -> dict[str, Any]:
        """Enter a new session when its environment is there. Goes on if the client leaves, for the place is taken."""

        async def installing() -> Reply:
            try:
                reply = await _awaited(answer)
            except Exception as error:  # noqa: BLE001 - answered, and logged if it is our fault
                reply = refusal_of(error).reply()
            if reply.ok:
                session.task_id, session.steps, session.used = reply.task_id, reply.steps, time.monotonic()
                self._open[session.id] = session
                self.metrics.created(session.env_id)
            else:
                self._places += 1
                self._load[session.holder] -= 1
            return reply

        task = asyncio.ensure_future(installing())
        try:
            reply = await asyncio.shield(self._keep(task))
        except asyncio.CancelledError:  # nobody will ever hear of the session
            task.add_done_callback(lambda _: self.close(session.id))
            raise
        if not reply.ok:
            raise Refusal.of(reply)
        answered: dict[str, Any] = msgspec.json.decode(reply.body)
        return {"session": session.id, "lease_s": session.lease_s} | answered

    def close(self, session: str) -> None:
        """Close a session, after the call that it is playing. One that is not open may be closed again."""
        if found := self._open.get(session):
            if found.running:
                found.closing = True
            else:
                self._drop(found)

    def lose(self, session: Session, why: str) -> None:
        """End a session without its client's doing."""
        if session.id not in self._open:
            return
        self._lost[session.id] = why
        while len(self._lost) > _REMEMBERED:
            self._lost.popitem(last=False)
        self.metrics.lost()
        self._drop(session)
        if session.on_lost:
            session.on_lost(why)

    def lose_all(self, holder: Holder, why: str) -> None:
        """End all sessions of a holder that is no more."""
        for session in [s for s in self._open.values() if s.holder is holder]:
            self.lose(session, why)

    def _drop(self, session: Session) -> None:
        del self._open[session.id]
        self._load[session.holder] -= 1
        closing = asyncio.ensure_future(_awaited(session.holder.play(Close(session=session.id))))
        self._keep(closing).add_done_callback(self._leave)

    def _leave(self, closed: asyncio.Future[Reply]) -> None:
        self._places += 1
        if not closed.cancelled():
            closed.exception()  # a worker that died has closed it, too

    async def close_all(self) -> None:
        """Close all sessions, and wait for it."""
        for session in self.all():
            self.close(session.id)
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def expire(self) -> None:
        """Close the sessions whose lease ran out."""
        now = time.monotonic()
        for session in self.all():
            if now - session.used > session.lease_s and not session.running:
                self.lose(session, f"its lease of {session.lease_s:g} s ran out")

    # -- playing -----------------------------------------------------------------------------------------------

    def call(self, call: AnyCall) -> Reply | Awaitable[Reply]:
        """The answer to a call: at once where that is possible."""
        try:
            session = self.find(call.session)
            digest = b""
            if isinstance(call, Step | Reset) and call.request_id is not None:
                digest = digest_of(call)
                if repeated := session.recorded(call.request_id, digest):
                    session.renew()
                    return repeated
            if session.running:
                raise Refusal("session_busy", "another call on this session is still running: wait for its answer")
            answer = session.holder.play(call)
        except Exception as error:  # noqa: BLE001 - answered, and logged if it is our fault
            return self.refuse(error)
        if isinstance(answer, Reply):
            self._settle(session, call, digest, answer)
            return answer
        task = asyncio.ensure_future(self._finish(session, call, digest, answer))
        session.running = digest, self._keep(task)
        return asyncio.shield(task)  # a client that leaves does not stop the call

    async def batch(self, calls: Sequence[AnyCall]) -> Sequence[Reply]:
        """The answers to many calls: in order within a session, independently between sessions."""
        answers: list[Any] = [None] * len(calls)
        last: dict[str, asyncio.Future[Reply]] = {}
        for i, call in enumerate(calls):
            before = last.get(call.session)
            answers[i] = answer = self._after(before, call) if before else self.call(call)
            if not isinstance(answer, Reply):
                last[call.session] = answers[i] = asyncio.ensure_future(answer)
        for i, answer in enumerate(answers):
            if not isinstance(answer, Reply):
                answers[i] = await answer
        return answers

    def refuse(self, error: Exception) -> Reply:
        """The answer to what went wrong, counted."""
        reply = refusal_of(error).reply()
        self.metrics.error(reply.code)
        return reply

    async def _after(self, before: asyncio.Future[Reply], call: AnyCall) -> Reply:
        await before
        return await _awaited(self.call(call))

    async def _finish(self, session: Session, call: AnyCall, digest: bytes, answer: Awaitable[Reply]) -> Reply:
        try:
            reply = await answer
        except Exception as error:  # noqa: BLE001 - answered, and logged if it is our fault
            reply = refusal_of(error).reply()
        session.running = None
        self._settle(session, call, digest, reply)
        if session.closing:
            self.close(session.id)
        return reply

    def _settle(self, session: Session, call: AnyCall, digest: bytes, reply: Reply) -> None:
        """Enter what came of a call."""
        session.used = time.monotonic()
        if not reply.ok:
            if not isinstance(call, Fork):  # which whoever asked for it refuses, and counts
                self.metrics.error(reply.code)
            if reply.fatal:
                self.lose(session, f"a call ended with status {reply.status}, so its state is unknown")
            return
        if not isinstance(call, Fork):  # whose answer is of the twin
            session.task_id, session.steps = reply.task_id, reply.steps
        if reply.outcome:
            self.metrics.step(session.env_id, reply.outcome, reply.seconds)
        if isinstance(call, Step | Reset) and call.request_id is not None:
            session.record(call.request_id, digest, reply)

    def _keep(self, task: asyncio.Future[Reply]) -> asyncio.Future[Reply]:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _awaited(answer: Reply | Awaitable[Reply]) -> Reply:
    return answer if isinstance(answer, Reply) else await answer


def _new_id() -> str:
    return f"s-{secrets.token_hex(8)}"
