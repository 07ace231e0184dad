"""A worker process: holds environments for a server, and ends with it.

python -m agentrl.envs.serving.server.worker FILE_DESCRIPTOR ENV_ID…
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Sequence

import uvloop

from agentrl.envs.serving.server.calls import AnyCall, Reply
from agentrl.envs.serving.server.channel import Channel
from agentrl.envs.serving.server.holder import LocalHolder
from agentrl.envs.serving.server.refusal import refusal_of
from agentrl.registry import resolve


async def work(descriptor: int) -> None:
    """Answer calls until the server is gone."""
    holder, ended = LocalHolder(), asyncio.Event()
    answering: set[asyncio.Task[None]] = set()

    def receive(items: Sequence[tuple[int, AnyCall]]) -> None:
        for serial, call in items:
            try:
                answer = holder.play(call)
            except Exception as error:  # noqa: BLE001 - answered, and logged
                answer = refusal_of(error).reply()
            if isinstance(answer, Reply):
                channel.send((serial, answer))
            else:
                task = asyncio.create_task(later(serial, answer))
                answering.add(task)
                task.add_done_callback(answering.discard)

    async def later(serial: int, answer: Awaitable[Reply]) -> None:
        try:
            reply = await answer
        except Exception as error:  # noqa: BLE001 - answered, and logged
            reply = refusal_of(error).reply()
        channel.send((serial, reply))

    _, channel = await asyncio.get_running_loop().create_connection(
        lambda: Channel(receive, ended.set), sock=socket.socket(fileno=descriptor)
    )
    await ended.wait()


def main() -> None:
    """Entry point."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the server says when it is over, by its end
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    descriptor, *env_ids = sys.argv[1:]
    for env_id in env_ids:
        resolve(env_id)  # imports what registers it
    uvloop.run(work(int(descriptor)))
    os._exit(0)  # a step that hangs in a thread holds nobody up


if __name__ == "__main__":
    main()
