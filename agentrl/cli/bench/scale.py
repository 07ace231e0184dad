"""What the agent loop itself costs with thousands of episodes at once: time of a turn, lag of the event loop, memory.

Loop, episodes, queue, journal and the actor's thread are the real ones; engine and environment only wait (`fakes.py`).
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import selectors
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np

from agentrl.agents.journal import Journal
from agentrl.agents.loop import AgentLoop, Limits, LLMAgent, RolloutSpec
from agentrl.cli.bench.fakes import ACTION_TOKENS, Clock, Corridor, WaitingEngine, renderer
from agentrl.cli.bench.servers import tree_rss
from agentrl.envs.base import Episode
from agentrl.trainers.actor import Actor, RolloutQueue
from agentrl.types import SamplingParams, Task

GROUP = 8
"""Episodes of a group."""
TURNS = 8
WARM_UP = 64
"""Episodes played before memory is measured, so that what is loaded once does not count."""
TICK_S = 0.01
PACED_S = (2.0, 1.0)
"""Median turn of engine and environment: what a large model and a sandbox take."""
SATURATED_S = (0.005, 0.005)
"""The same where the loop is the bottleneck: its turns per second are then the most that it can do."""


class Playing:
    """Many episodes at once.

    Args:
        folder: of the journal.
        episodes: as many.
        engine: an engine, or a `WaitingEngine`.
        clock: the environment's, and that of a `WaitingEngine`.
        environment_s: median of a step.
        turns: of an episode.
    """

    def __init__(
        self, folder: Path, episodes: int, engine: Any, clock: Clock, environment_s: float, turns: int = TURNS
    ) -> None:
        agent = LLMAgent(engine, renderer(), SamplingParams(max_tokens=ACTION_TOKENS))
        limits = Limits(concurrency=episodes, turns=turns)
        play = AgentLoop(lambda _: Episode(Corridor(clock, environment_s)), agent, limits)
        self.episodes, self.queue = episodes, RolloutQueue(play, Journal(folder))
        self.lags: list[float] = []

    async def play(self, seconds: float) -> None:
        """Play for a while; a new group begins whenever the oldest has ended, and half as many wait for a place."""
        ticking = asyncio.create_task(self._tick())
        ahead = self.episodes // GROUP * 3 // 2
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.queue.admit([self._group(n) for n in range(ahead)])
                for number in itertools.count():
                    await self.queue.take([number])
                    await self.queue.admit([self._group(number + ahead)])
        ticking.cancel()

    async def park(self, engine: WaitingEngine) -> None:
        """Begin all episodes, and wait until the engine holds each of them."""
        numbers = range(self.episodes // GROUP)
        await self.queue.admit([self._group(n) for n in numbers])
        taking = asyncio.create_task(self.queue.take(numbers))
        while engine.parked < self.episodes:
            await asyncio.wait([taking], timeout=0.1)
            if taking.done():
                taking.result()  # raises what ended a group

    def _group(self, number: int) -> tuple[int, RolloutSpec]:
        return number, RolloutSpec(Task("Corridor", str(number)), GROUP, number)

    async def _tick(self) -> None:
        """Record by how much the event loop is late, at times that do not wait for it."""
        loop = asyncio.get_running_loop()
        due = loop.time() + TICK_S
        while True:
            await asyncio.sleep(due - loop.time())
            while due <= loop.time():
                self.lags.append(loop.time() - due)
                due += TICK_S


def measure(episodes: int, tokens: int, seconds: float) -> dict[str, Any]:
    """Memory of `episodes` that wait with a context of `tokens` or more, then two loads of so many seconds each.

    Returns:
        `memory`: bytes per episode, and the mean tokens of its context. Of each load: `overhead`, the seconds of a turn
        that are neither engine nor environment (their waits end when they were to end: coming back late is overhead),
        with the text's way into tokens and back, the record and the journal; `lag` of the event loop; `turns_per_s`;
        `cpu_per_turn` in seconds and `cpu_share`, this process's part of a core. `load_average` tells how busy the
        machine was.
    """
    episodes -= episodes % GROUP
    with tempfile.TemporaryDirectory() as folder:
        return {
            "episodes": episodes,
            "memory": _memory(Path(folder), episodes, tokens),
            "paced": _load(Path(folder, "paced"), episodes, *PACED_S, seconds),
            "saturated": _load(Path(folder, "saturated"), episodes, *SATURATED_S, seconds),
            "load_average": os.getloadavg()[0],
        }


def _memory(folder: Path, episodes: int, tokens: int) -> dict[str, float]:
    with closing(Actor()) as actor:
        for what, count in (("warm-up", WARM_UP), ("parked", episodes)):
            engine = WaitingEngine(Clock(), SATURATED_S[0], park_at=tokens)
            playing = Playing(folder / what, count, engine, engine.clock, SATURATED_S[1], turns=tokens)
            gc.collect()
            before = tree_rss(os.getpid())
            actor.call(playing.park(engine))
            used = tree_rss(os.getpid()) - before
            actor.cancel()
    return {"bytes": used / episodes, "context_tokens": engine.parked_tokens / episodes}


def _load(folder: Path, episodes: int, engine_s: float, environment_s: float, seconds: float) -> dict[str, Any]:
    clock = Clock()
    playing = Playing(folder, episodes, WaitingEngine(clock, engine_s), clock, environment_s)
    # epoll rounds timers up to the next millisecond. Real engines and environments wake the loop by sockets, at once.
    with closing(Actor(asyncio.SelectorEventLoop(selectors.SelectSelector()))) as actor:
        started, begun = time.perf_counter(), time.process_time()
        actor.call(playing.play(seconds))
        elapsed, used = time.perf_counter() - started, time.process_time() - begun
    turns = len(clock.overheads)
    return {
        "engine_s": engine_s,
        "environment_s": environment_s,
        "turns_per_s": turns / elapsed,
        "overhead": percentiles(clock.overheads),
        "lag": percentiles(playing.lags),
        "cpu_per_turn": used / turns,
        "cpu_share": used / elapsed,
    }


def percentiles(values: list[float]) -> dict[str, float]:
    """The median, and how far the values spread above it."""
    p50, p90, p99 = np.percentile(values, [50, 90, 99]).tolist()
    return {"p50": p50, "p90": p90, "p99": p99}
