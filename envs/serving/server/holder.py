"""The environments of one process, by session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import msgspec

from agentrl.envs.serving.server.calls import AnyCall, Close, Fork, Open, Reply
from agentrl.envs.serving.server.codec import encode
from agentrl.envs.serving.server.refusal import refusal_of
from agentrl.envs.serving.server.served import Served


class Holder(Protocol):
    """Where environments are. Sessions see to it that a session has one call at a time."""

    def play(self, call: AnyCall) -> Reply | Awaitable[Reply]:
        """Carry out a call. The answer is there at once if the environment is in this process and never blocks."""
        ...


class Seat(msgspec.Struct):
    """An environment, and a thread of its own if it blocks: some may be used only in the thread that made them."""

    served: Served
    thread: ThreadPoolExecutor | None


class LocalHolder:
    """Environments in this process."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}

    def play(self, call: AnyCall) -> Reply | Awaitable[Reply]:
        if isinstance(call, Open):
            return self._open(call)
        seat = self._seats[call.session]
        if isinstance(call, Close):
            return self._close(self._seats.pop(call.session))
        if isinstance(call, Fork):
            return self._fork(seat, call)
        if seat.thread is None:
            return seat.served.perform(call)
        return asyncio.get_running_loop().run_in_executor(seat.thread, seat.served.perform, call)

    async def _open(self, call: Open) -> Reply:
        thread = ThreadPoolExecutor(1, thread_name_prefix=call.session)
        try:
            served = await asyncio.get_running_loop().run_in_executor(
                thread, Served, call.env_id, call.kwargs, call.max_episode_steps, call.form
            )
        except Exception as error:  # noqa: BLE001 - answered, and logged if it is our fault
            thread.shutdown(wait=False)
            return refusal_of(error).reply()
        if not served.blocking:
            thread.shutdown(wait=False)
        self._seats[call.session] = Seat(served, thread if served.blocking else None)
        reply = served.perform(call)
        if not reply.ok:
            await self._close(self._seats.pop(call.session))
        return reply

    async def _fork(self, seat: Seat, call: Fork) -> Reply:
        try:
            if seat.thread is None:
                twin = seat.served.fork(call)
            else:
                twin = await asyncio.get_running_loop().run_in_executor(seat.thread, seat.served.fork, call)
        except Exception as error:  # noqa: BLE001 - likewise
            return refusal_of(error).reply()
        thread = seat.thread and ThreadPoolExecutor(1, thread_name_prefix=call.twin)
        self._seats[call.twin] = Seat(twin, thread)
        return Reply(201, encode(twin.describe()), task_id=twin.task_id, steps=twin.steps)

    async def _close(self, seat: Seat) -> Reply:
        try:
            if seat.thread is None:
                seat.served.close()
            else:
                await asyncio.get_running_loop().run_in_executor(seat.thread, seat.served.close)
        except Exception as error:  # noqa: BLE001 - likewise
            refusal_of(error)
        finally:
            if seat.thread is not None:
                seat.thread.shutdown(wait=False)
        return Reply(204, b"")
