"""The environment whose servers `agentrl bench serve` compares: it says what it is told, so only the serving costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import agentrl
from agentrl.envs.base import Result, TextEnv
from agentrl.types import Outcome


class Echo(TextEnv):
    """Repeats the action; `stop` solves it."""

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return ["echo"]

    def begin(self, task_id: str) -> Result:
        self.state = 0
        return Result("ready")

    def act(self, action: str) -> Result:
        self.state += 1
        if action == "stop":
            return Result(action, {"outcome": 1.0}, Outcome.terminated(success=True))
        return Result(action)

    def oracle(self) -> Iterator[str]:
        yield "stop"


agentrl.register("BenchEcho-v0", "agentrl.cli.bench.echo:Echo")
