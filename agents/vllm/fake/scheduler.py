"""Requests on their way: all that run get one token a step, as in vLLM's continuous batching.

Weights change between steps only. A pause is a state of the scheduler: after `abort` and `wait` nothing new runs,
with `keep` nothing runs at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from agentrl.agents.vllm.capabilities import PauseMode
from agentrl.agents.vllm.fake.bodies import Sampling
from agentrl.agents.vllm.fake.policy import Policy, Row


@dataclass(slots=True, eq=False)
class Request:
    """One generation."""

    id: str
    """As `/abort_requests` knows it."""
    prompt: list[int]
    sampling: Sampling
    adapter: str | None
    rng: np.random.Generator
    done: asyncio.Future[Literal["stop", "length", "abort"]]
    ids: list[int]
    """Prompt and tokens."""
    logprobs: list[float] = field(default_factory=list)
    tops: list[Mapping[int, float]] = field(default_factory=list)
    """Log-probs of the most likely tokens at each place, as many as were asked for."""
    labels: list[str] = field(default_factory=list)
    """Of the weights that sampled each token."""
    prompt_logprobs: list[float] | None = None

    @property
    def tokens(self) -> list[int]:
        return self.ids[len(self.prompt) :]


class Scheduler:
    """Runs requests on a policy.

    Args:
        policy: what samples.
        label: tells the label of the weights now held.
        raw: asked at every step whether log-probs are those before the temperature.
    """

    def __init__(self, policy: Policy, label: Callable[[], str], raw: Callable[[], bool]) -> None:
        self.policy = policy
        self.waiting: list[Request] = []
        self.running: list[Request] = []
        self.paused: Literal["", "new", "all"] = ""
        self.open = asyncio.Event()
        """Cleared by tests that want requests to stand still."""
        self.open.set()
        self._label, self._raw = label, raw
        self._changed = asyncio.Condition()
        self._rng = np.random.default_rng(0)
        self._pump: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._pump = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    async def generate(self, request_id: str, prompt: list[int], sampling: Sampling, adapter: str | None) -> Request:
        """Returns the request when it has ended; ends it early if cancelled."""
        seed = sampling.seed
        request = Request(
            request_id,
            prompt,
            sampling,
            adapter,
            self._rng if seed is None else np.random.default_rng(seed % 2**64),
            asyncio.get_running_loop().create_future(),
            list(prompt),
        )
        self.waiting.append(request)
        await self._notify()
        try:
            await request.done
        finally:
            if request.done.cancelled():
                self._drop(request)
                await self._notify()
        return request

    async def pause(self, mode: PauseMode) -> None:
        """Returns when the pause holds: after `wait`, when nothing runs any more."""
        self.paused = "all" if mode == "keep" else "new"
        if mode == "abort":
            self._end([*self.waiting, *self.running])
        await self._notify()
        if mode == "wait":
            await self.until(lambda: not self.running)

    async def resume(self) -> None:
        self.paused = ""
        await self._notify()

    async def abort(self, ids: list[str]) -> int:
        """End requests, or all if no ids are given; returns how many ids were meant. Unknown ids do no harm."""
        self._end([r for r in (*self.waiting, *self.running) if not ids or r.id in ids])
        await self._notify()
        return len(ids)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to become true of the requests."""
        async with self._changed:
            await self._changed.wait_for(condition)

    def _end(self, requests: list[Request]) -> None:
        for request in requests:
            self._drop(request)
            if not request.done.done():
                request.done.set_result("abort")

    def _drop(self, request: Request) -> None:
        for queue in (self.waiting, self.running):
            if request in queue:
                queue.remove(request)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _ready(self) -> bool:
        if self.paused == "all":
            return False
        return bool(self.running or (self.waiting and not self.paused))

    async def _run(self) -> None:
        while True:
            await self.until(self._ready)
            await self.open.wait()
            if self.policy.latency_s:
                await asyncio.sleep(self.policy.latency_s)
            if self._ready():
                self._step()
                await self._notify()
            await asyncio.sleep(0)

    def _step(self) -> None:
        if not self.paused:
            self.running += self.waiting
            self.waiting.clear()
        self.running = [r for r in self.running if not r.done.done()]  # the client may have gone
        label, raw = self._label(), self._raw()
        rows = []
        for r in self.running:
            if r.sampling.prompt_logprobs is not None and r.prompt_logprobs is None:
                r.prompt_logprobs = self.policy.score(r.prompt, r.adapter)
            uniform, top = float(r.rng.random()), r.sampling.logprobs or 0
            rows.append(Row(r.ids, r.sampling.temperature, uniform, r.adapter, raw, top))
        for r, (token, logprob, best) in zip(self.running, self.policy.step(rows), strict=True):
            r.ids.append(token)
            r.logprobs.append(logprob)
            r.tops.append(best)
            r.labels.append(label)
            if token in r.sampling.stop_token_ids or (token in self.policy.eos_ids and not r.sampling.ignore_eos):
                r.done.set_result("stop")
            elif len(r.logprobs) == r.sampling.max_tokens or len(r.ids) == self.policy.max_context:
                r.done.set_result("length")
        self.running = [r for r in self.running if not r.done.done()]
