"""Routers by rule: what a trained router is compared with, and what its demonstrations are made by."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agentrl.agents.routing.env import RoutedEpisode
from agentrl.errors import ConfigError
from agentrl.types import Task


class Router(Protocol):
    """Says who acts. It keeps no state: the same router plays many episodes at once."""

    async def choose(self, env: RoutedEpisode, task: Task, turn: int) -> str:
        """The name of an executor.

        Args:
            turn: how many turns there were before.
        """
        ...


@dataclass(frozen=True, slots=True)
class Always:
    """The same executor in every turn."""

    name: str

    async def choose(self, env: RoutedEpisode, task: Task, turn: int) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Mix:
    """The dearest executor with a probability, else the cheapest; anew in every turn."""

    share: float
    """Of the dearest."""
    seed: int = 0

    async def choose(self, env: RoutedEpisode, task: Task, turn: int) -> str:
        drawn = random.Random(f"{self.seed}/{task.task_id}/{task.seed}/{turn}").random()
        return env.names[-1] if drawn < self.share else env.names[0]


@dataclass(frozen=True, slots=True)
class FirstK:
    """The dearest executor in so many turns, then the cheapest."""

    turns: int

    async def choose(self, env: RoutedEpisode, task: Task, turn: int) -> str:
        return env.names[-1] if turn < self.turns else env.names[0]


@dataclass(frozen=True, slots=True)
class Threshold:
    """The cheapest executor where it is sure of what it would do, else the dearest. Its drafts are paid for.

    Raises, when it chooses:
        ConfigError: the cheapest executor does not tell log-probs.
    """

    bound: float
    """Least mean log-prob of the tokens of its draft."""

    async def choose(self, env: RoutedEpisode, task: Task, turn: int) -> str:
        draft = await env.draft(env.names[0])
        if draft is not None and draft.confidence is None:
            raise ConfigError(f"the executor {env.names[0]} tells no log-probs, which a threshold looks at")
        sure = draft is None or draft.confidence is None or draft.confidence >= self.bound
        return env.names[0] if sure else env.names[-1]


@dataclass(frozen=True, slots=True)
class Mask:
    """The executor that is written down for each turn; the last one goes on."""

    names: Sequence[str]

    async def choose(self, env: RoutedEpisode, task: Task, turn: int) -> str:
        return self.names[min(turn, len(self.names) - 1)]
