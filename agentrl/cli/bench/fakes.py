"""An engine and an environment that only wait, and a clock that tells how long everything else took."""

from __future__ import annotations

import asyncio
import math
import random
import zlib
from asyncio import Task
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from agentrl.agents.render import Renderer
from agentrl.envs.base import Result, TextEnv
from agentrl.trainers.scratch import train_tokenizer
from agentrl.types import Completion, SamplingParams

ACTION_TOKENS = 16
VOCABULARY = 400
SIGMA = 1.0
"""Of the log-normal waits: p99/p50 = exp(2.326) = 10.2."""
_WORDS = ("cabinet", "coffee", "desk", "drawer", "fridge", "lamp", "microwave", "shelf", "sink", "table", "window")
SCENES = [" ".join(random.Random(i).choices(_WORDS, k=100)) for i in range(64)]
"""Of about 100 tokens each."""


def renderer() -> Renderer:
    """Speaks of what `Corridor` shows."""
    return Renderer(train_tokenizer(SCENES, VOCABULARY))


class Clock:
    """Waits in place of engines and environments, and measures what is between the waits of an episode.

    A wait ends when it was to end, however late the event loop comes back to it: the delay is the loop's.
    """

    def __init__(self) -> None:
        self.overheads: list[float] = []
        """Seconds of each complete turn that were neither the engine's nor the environment's."""
        self._due: WeakKeyDictionary[Task[Any], float] = WeakKeyDictionary()
        self._acting: WeakKeyDictionary[Task[Any], float] = WeakKeyDictionary()

    async def engine(self, median_s: float) -> None:
        """Wait as the engine of the episode that is the running task."""
        since, acting = self._since(), self._acting.pop(_episode(), None)
        if since is not None and acting is not None:
            self.overheads.append(acting + since)
        await self._wait(median_s)

    async def environment(self, median_s: float) -> None:
        """Wait as its environment."""
        since = self._since()
        if since is not None:
            self._acting[_episode()] = since
        await self._wait(median_s)

    def _since(self) -> float | None:
        """Seconds since the episode's last wait was to end."""
        due = self._due.pop(_episode(), None)
        return None if due is None else asyncio.get_running_loop().time() - due

    async def _wait(self, median_s: float) -> None:
        seconds = random.lognormvariate(math.log(median_s), SIGMA)
        self._due[_episode()] = asyncio.get_running_loop().time() + seconds
        await asyncio.sleep(seconds)


def _episode() -> Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


class WaitingEngine:
    """Answers random tokens after a while. It has of an engine what the agent loop needs.

    Args:
        clock: to wait with.
        median_s: of a turn.
        park_at: turns with so many tokens of context never end; 0 for none.
    """

    version = 0
    max_context = 1 << 15

    def __init__(self, clock: Clock, median_s: float, park_at: int = 0) -> None:
        self.clock, self.median_s, self.park_at = clock, median_s, park_at
        self.parked = self.parked_tokens = 0

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        if self.park_at and len(prompt_ids) >= self.park_at:
            self.parked += 1
            self.parked_tokens += len(prompt_ids)
            await asyncio.get_running_loop().create_future()
        await self.clock.engine(self.median_s)
        # Integers over 256 are objects of their own, as in an answer that was read.
        ids = random.choices(range(257, VOCABULARY), k=ACTION_TOKENS)
        logprobs = [-random.random() for _ in ids]
        return Completion(tuple(ids), tuple(logprobs), (self.version,) * ACTION_TOKENS, "length")

    def release(self, session: str) -> None:
        pass


class Corridor(TextEnv):
    """Shows another scene after each action, whatever it is, and never ends by itself.

    The text tells the way that was taken, so that different episodes show different texts, whose tokens are made anew.
    """

    def __init__(self, clock: Clock, median_s: float) -> None:
        super().__init__()
        self.clock, self.median_s = clock, median_s

    async def prefetch(self, call: str, *args: Any, **kwargs: Any) -> None:
        """The time that a step takes; see `agentrl.envs.base.Episode`."""
        if call == "step":
            await self.clock.environment(self.median_s)

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return [str(i) for i in range(1000)]

    def begin(self, task_id: str) -> Result:
        self.state = (0, 0)
        return self._scene()

    def act(self, action: str) -> Result:
        steps, way = self.state
        self.state = (steps + 1, zlib.crc32(action.encode(), way))
        return self._scene()

    def oracle(self) -> Iterator[str]:
        raise NotImplementedError("a corridor without end has no solution")

    def _scene(self) -> Result:
        steps, way = self.state
        return Result(f"{way:x} {SCENES[(int(self.task_id) + steps) % len(SCENES)]}", {"outcome": 0.0})
