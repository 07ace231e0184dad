"""Sandboxes against the floor of the engine beneath them: `docker run`, `docker exec` and `docker commit`."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from agentrl.cli.bench.swerex import output, swerex
from agentrl.errors import ConfigError, InfraError
from agentrl.sandboxes.docker import DockerProvider
from agentrl.sandboxes.images.catalog import IMAGES
from agentrl.sandboxes.pool import Pool
from agentrl.sandboxes.process import ProcessProvider
from agentrl.sandboxes.provider import AgentProvider
from agentrl.sandboxes.spec import MiB, SandboxSpec

FILES, FILE_BYTES = 100, 50_000
"""What a sandbox holds when it is forked or committed."""
_FILL = f"for i in $(seq {FILES}); do head -c {FILE_BYTES} /dev/urandom > /workspace/$i; done"

Times = dict[str, list[float]]
Report = dict[str, dict[str, dict[str, float]]]


def measure(image: str, rounds: int, commands: int, swerex_python: Path | None = None) -> Report:
    """Time each thing `rounds` times, all in turns so that a busy machine is busy for all.

    Returns:
        By who and what: p50 and p99 in seconds, and how often it was timed.

    Raises:
        ConfigError: there is no docker command, no bubblewrap, or no interpreter with SWE-ReX.
        InfraError: the engine fails; the message says how.
    """
    if shutil.which("docker") is None:
        raise ConfigError("the floor is measured with the docker command: install docker.io")
    image = image or IMAGES["base"].tag
    times = asyncio.run(_all(image, rounds, commands, swerex_python))
    return {who: {what: _spread(seconds) for what, seconds in found.items()} for who, found in times.items()}


def _spread(seconds: list[float]) -> dict[str, float]:
    ranked = sorted(seconds)
    return {
        "p50": statistics.median(ranked),
        "p99": ranked[min(len(ranked) - 1, round(0.99 * len(ranked)))],
        "count": len(ranked),
    }


async def _all(image: str, rounds: int, commands: int, swerex_python: Path | None) -> dict[str, Times]:
    spec = SandboxSpec(image, memory=512 * MiB, disk=192 * MiB)
    times: dict[str, Times] = {}
    async with AsyncExitStack() as stack:
        players: dict[str, Callable[[Times], Awaitable[None]]] = {"floor": lambda t: _floor(image, t, commands)}
        for provider, own in ((DockerProvider(), spec), (ProcessProvider(), replace(spec, image="host"))):
            await stack.enter_async_context(provider)
            pool = await stack.enter_async_context(Pool(provider, own, ready=2))
            players[provider.name] = lambda t, p=provider, s=own, o=pool: _ours(p, s, o, t, commands)  # type: ignore[misc]
        if swerex_python:
            players["swerex"] = (await stack.enter_async_context(swerex(swerex_python, image, commands))).play
        for number in range(rounds + 1):
            for who, play in players.items():
                await play({} if number == 0 else times.setdefault(who, {}))  # the first round warms up
    return times


async def _floor(image: str, times: Times, commands: int) -> None:
    flags = ("--network", "none", "--memory", "512m", "--pids-limit", "256")
    await _timed(times, "cold start", output("docker", "run", "--rm", *flags, image, "true"))
    name = await output("docker", "run", "--detach", *flags, image, "sleep", "1000")
    try:
        await output("docker", "exec", name, "sh", "-c", f"mkdir -p /workspace && {_FILL}")
        for _ in range(commands):
            await _timed(times, "command", output("docker", "exec", name, "true"))
        made = await _timed(times, "commit", output("docker", "commit", name))
        await output("docker", "rmi", made)
    finally:
        await output("docker", "rm", "--force", name)


async def _ours(provider: AgentProvider, spec: SandboxSpec, pool: Pool, times: Times, commands: int) -> None:
    cold = await _timed(times, "cold start", provider.create(spec))
    await cold.close()
    await pool.warm()
    async with await _timed(times, "warm acquire", pool.acquire()) as sandbox:
        await sandbox.run(_FILL, 60)
        await sandbox.run("sleep 1000 > /dev/null 2>&1 &", 60)
        for _ in range(commands):
            await _timed(times, "command", sandbox.run("true", 60))
        await pool.warm()
        async with await _timed(times, "fork", sandbox.fork()) as twin:
            if len(await twin.read(PurePosixPath(f"/workspace/{FILES}"))) != FILE_BYTES:
                raise InfraError("the fork lacks files")
        sandbox.twin = provider.create
        async with await _timed(times, "fork, cold", sandbox.fork()):
            pass


async def _timed(times: Times, what: str, work: Awaitable[Any]) -> Any:
    begun = time.perf_counter()
    result = await work
    times.setdefault(what, []).append(time.perf_counter() - begun)
    return result
