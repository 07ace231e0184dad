"""The environment of `agentrl bench loop`: quickly learned, and as slow to answer as a browser or a test-suite."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import agentrl
from agentrl.envs.base import Result, TextEnv
from agentrl.errors import UnknownNameError
from agentrl.types import Outcome

WAYS = ("north", "south", "east", "west")


class Signs(TextEnv):
    """Go where the sign points, three times; a wrong way is lost, other words are not understood.

    Args:
        median_s, sigma: of the log-normal time that a step takes; its p99/p50 is exp(2.326 σ).
    """

    splits = ("train", "valid", "test")
    channels = ("outcome", "progress")
    SIGNS = 3

    def __init__(self, *, median_s: float = 0.0, sigma: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.median_s, self.sigma = median_s, sigma
        self._latency = random.Random()  # its own: the time of day decides no task

    async def prefetch(self, call: str, *args: Any, **kwargs: Any) -> None:
        """Wait before a step without holding a thread; see `agentrl.envs.base.Episode`."""
        if call == "step" and self.median_s:
            await asyncio.sleep(self._latency.lognormvariate(math.log(self.median_s), self.sigma))

    def tasks(self, split: str | None = None) -> Sequence[str]:
        split = split or self.split
        if split not in self.splits:
            raise UnknownNameError("split", split, self.splits)
        return [f"{split}/{i}" for i in range(1000)]

    def begin(self, task_id: str) -> Result:
        if task_id.partition("/")[0] not in self.splits:
            raise UnknownNameError("task", task_id, self.tasks())
        self.state = random.Random(task_id).choices(WAYS, k=self.SIGNS)
        return Result(self._sign())

    def act(self, action: str) -> Result:
        way = action.removeprefix("go ")
        if way not in WAYS:
            return Result(f"What? {self._sign()}", outcome=Outcome.invalid_action("go north, south, east or west"))
        if way != self.state[0]:
            return Result("You are lost.", outcome=Outcome.terminated(success=False))
        self.state = self.state[1:]
        if not self.state:
            return Result(
                "You are home.", {"outcome": 1.0, "progress": 1 / self.SIGNS}, Outcome.terminated(success=True)
            )
        return Result(self._sign(), {"progress": 1 / self.SIGNS})

    def oracle(self) -> Iterator[str]:
        yield from [f"go {way}" for way in self.state]

    def _sign(self) -> str:
        return f"Sign {len(self.state)} says {self.state[0]}."


agentrl.register("BenchSigns-v0", "agentrl.cli.bench.signs:Signs")
