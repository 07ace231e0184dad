"""The load of `agentrl bench serve`, in a process of its own: the same frames, whoever answers.

    python -m agentrl.cli.bench.load URL SESSIONS SECONDS socket|batch

`socket`: each session has a WebSocket and sends its next step when it has the answer to the last. `batch`: all sessions
take a step in one request to `/v1/batch`. Prints JSON: `steps_per_second`, and `p50` and `p99` of the seconds that an
exchange took.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from typing import Any

from agentrl.address import Address
from agentrl.envs.serving.client import Client, Request
from agentrl.errors import RunStoppedError

ACTION = "go to shelf 1 and take the soap bottle from it"
WARM_UP_S = 0.3
"""Of each session, not counted."""


async def _sockets(url: str, sessions: int, seconds: float) -> list[float]:
    """Seconds of every exchange."""
    from websockets.asyncio.client import connect

    frame = json.dumps({"type": "step", "data": {"command": ACTION}})
    ready = asyncio.Barrier(sessions)

    async def session() -> list[float]:
        async with connect(f"ws{url.removeprefix('http')}/ws", compression=None, open_timeout=60) as socket:
            await socket.send(json.dumps({"type": "reset", "data": {}}))
            await socket.recv()
            for duration in (WARM_UP_S, seconds):
                await ready.wait()
                taken: list[float] = []
                end = time.perf_counter() + duration
                while (sent := time.perf_counter()) < end:
                    await socket.send(frame)
                    answer = await socket.recv()
                    taken.append(time.perf_counter() - sent)
            _check(json.loads(answer)["data"]["observation"]["text"])
            return taken

    return [s for taken in await asyncio.gather(*(session() for _ in range(sessions))) for s in taken]


def _batches(url: str, sessions: int, seconds: float) -> list[float]:
    """Seconds of every exchange."""
    client = Client(Address.parse(url))

    def post(route: str, body: Any) -> Any:
        return client.send(Request(client, "POST", route, body, 60.0)).body

    opened = [post("/v1/sessions", {"env_id": "BenchEcho-v0"})["session"] for _ in range(sessions)]
    post("/v1/batch", {"calls": [{"session": s, "call": "reset"} for s in opened]})
    calls = {"calls": [{"session": s, "call": "step", "action": ACTION} for s in opened]}
    for duration in (WARM_UP_S, seconds):
        taken: list[float] = []
        end = time.perf_counter() + duration
        while (sent := time.perf_counter()) < end:
            answers = post("/v1/batch", calls)["answers"]
            taken.append(time.perf_counter() - sent)
    _check(answers[-1]["observation"])
    for session in opened:
        client.send(Request(client, "DELETE", f"/v1/sessions/{session}", None, 60.0))
    return taken


def _check(echo: object) -> None:
    if echo != ACTION:
        raise RunStoppedError(f"the server does not echo: {echo!r:.200}")


def _main(url: str, sessions: str, seconds: str, how: str) -> None:
    if how == "batch":
        taken, steps = _batches(url, int(sessions), float(seconds)), int(sessions)
    else:
        taken, steps = asyncio.run(_sockets(url, int(sessions), float(seconds))), 1
    hundredths = statistics.quantiles(taken, n=100)
    rate = len(taken) * steps / float(seconds)
    print(json.dumps({"steps_per_second": rate, "p50": hundredths[49], "p99": hundredths[98]}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
