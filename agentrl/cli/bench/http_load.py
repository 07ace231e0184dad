"""Thousands of turns at once over HTTP: the vLLM engine, and its HTTP client against httpx.

The server is the fake of `agentrl.agents.vllm.fake`, in a process of its own.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import aiohttp
import httpx

from agentrl.agents.vllm import wire
from agentrl.agents.vllm.engine import VLLMEngine, VLLMOptions
from agentrl.cli.bench.fakes import ACTION_TOKENS, VOCABULARY, Clock
from agentrl.cli.bench.scale import PACED_S, Playing, percentiles
from agentrl.cli.bench.servers import running
from agentrl.trainers.actor import Actor
from agentrl.types import SamplingParams

SERVER = [sys.executable, "-m", "agentrl.agents.vllm.fake", "--dev-mode", "--served-model-name", "policy"]
PARAMS = SamplingParams(max_tokens=ACTION_TOKENS)

Ask = Callable[[str, list[int]], Awaitable[object]]
"""Carries out one exchange, of a session and its context."""


def measure(sessions: int, tokens: int, seconds: float) -> dict[str, Any]:
    """Load the fake server in four ways, for so many seconds each.

    Returns:
        Of `vllm_engine`, `aiohttp` and `httpx`, where each of `sessions` sends the next request, with a context of
        `tokens`, when it has the answer to its last: `requests_per_s`, and `p50`, `p90`, `p99` of an exchange in
        seconds (none where no answer came at all). Of `loop`, the agent loop with this engine and an environment that
        waits: `turns_per_s` and the `lag` of the event loop. The server's own speed bounds all of them.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        running([*SERVER, "--vocab-size", str(VOCABULARY), "--port"]) as (url, _),
        closing(Actor()) as actor,
    ):
        engine = actor.call(_engine(url, Path(folder)))
        clients = {"vllm_engine": _through(engine), "aiohttp": _aiohttp(url), "httpx": _httpx(url)}
        found = {name: actor.call(_closed_loop(ask, sessions, tokens, seconds)) for name, ask in clients.items()}
        before, started = engine.stats().requests, time.perf_counter()
        playing = Playing(Path(folder, "inflight"), sessions, engine, Clock(), PACED_S[1])
        actor.call(playing.play(seconds))
        turns_per_s = (engine.stats().requests - before) / (time.perf_counter() - started)
        actor.cancel()
        actor.call(engine.close())
        return {
            "sessions": sessions,
            "context_tokens": tokens,
            **found,
            "loop": {"turns_per_s": turns_per_s, "lag": percentiles(playing.lags)},
            "load_average": os.getloadavg()[0],
        }


async def _engine(url: str, folder: Path) -> VLLMEngine:
    engine = VLLMEngine(VLLMOptions(urls=(url,), weights_dir=folder))
    await engine.start()
    return engine


@asynccontextmanager
async def _through(engine: VLLMEngine) -> AsyncIterator[Ask]:
    yield lambda session, context: engine.generate(context, PARAMS, session)


@asynccontextmanager
async def _aiohttp(url: str) -> AsyncIterator[Ask]:
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout()
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as client:

        async def ask(session: str, context: list[int]) -> None:
            call = wire.completion("policy", context, PARAMS, salt="bench")
            async with client.post(call.path, json=call.body, raise_for_status=True) as response:
                await response.json()

        yield ask


@asynccontextmanager
async def _httpx(url: str) -> AsyncIterator[Ask]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=None) as client:

        async def ask(session: str, context: list[int]) -> None:
            call = wire.completion("policy", context, PARAMS, salt="bench")
            (await client.post(call.path, json=call.body)).raise_for_status().json()

        yield ask


async def _closed_loop(
    client: AbstractAsyncContextManager[Ask], sessions: int, tokens: int, seconds: float
) -> dict[str, float]:
    taken: list[float] = []

    async def session(ask: Ask, number: int) -> None:
        context = [(number + i) % VOCABULARY for i in range(tokens)]
        while True:
            begun = time.perf_counter()
            await ask(f"session {number}", context)
            taken.append(time.perf_counter() - begun)

    async with client as ask:
        started = time.perf_counter()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                for number in range(sessions):
                    tasks.create_task(session(ask, number))
        elapsed = time.perf_counter() - started  # more than `seconds` where a client holds up the event loop
    return {"requests_per_s": len(taken) / elapsed} | (percentiles(taken) if taken else {})
