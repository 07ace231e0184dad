"""Episodes that people watch while they are played."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import queue
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from agentrl.agents.players import Player, PlayerFactory, play_with
from agentrl.envs.base import Episode
from agentrl.errors import AgentRLError
from agentrl.types import Outcome, Task


class Show:
    """What has been played so far. It is added to in one thread, and followed in the event loops of others.

    A frame is a JSON object: `shown` (what the environment shows, with `task`, `rewards`, `outcome` and, in base64,
    `images`), `acted` (an action) or `failed` (why nothing more comes).
    """

    def __init__(self) -> None:
        self.watched, self.ended = threading.Event(), threading.Event()
        """Whether anybody has come; and whether all shall end."""
        self.typed: queue.SimpleQueue[str] = queue.SimpleQueue()
        """Actions of people who watch, where they play."""
        self._frames: list[str] = []
        self._followers: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def add(self, **frame: Any) -> None:
        """Add a frame, and tell all who follow."""
        self._frames.append(json.dumps(frame))
        self._tell()

    def add_shown(
        self, task: str, text: str, images: Sequence[bytes], rewards: Mapping[str, float], outcome: Outcome
    ) -> None:
        """Add what the environment shows."""
        self.add(
            kind="shown",
            task=task,
            text=text,
            images=[base64.b64encode(image).decode() for image in images],
            rewards={name: float(value) for name, value in rewards.items() if value},
            outcome=dataclasses.asdict(outcome),
        )

    def end(self) -> None:
        """End the episode before its next action, and let all who follow go."""
        self.ended.set()
        self.watched.set()
        self.typed.put("")
        self._tell()

    async def follow(self) -> AsyncIterator[str]:
        """All frames, from the first on, as they come."""
        follower = asyncio.get_running_loop(), asyncio.Event()
        self._followers.add(follower)
        self.watched.set()
        sent = 0
        try:
            while not self.ended.is_set():
                follower[1].clear()
                while sent < len(self._frames):
                    sent += 1
                    yield self._frames[sent - 1]
                await follower[1].wait()
        finally:
            self._followers.discard(follower)

    def _tell(self) -> None:
        for loop, event in list(self._followers):
            loop.call_soon_threadsafe(event.set)


class Left(Exception):  # noqa: N818 - no error, but the wish of those who watched
    """Nobody wants to see more."""


class Onlooker:
    """A player that shows what another one sees and does.

    Args:
        delay: seconds between its actions, so that people can follow.
    """

    def __init__(self, player: Player, show: Show, delay: float) -> None:
        self._player, self._show, self._delay = player, show, delay

    def act(self, observation: str, info: Mapping[str, Any]) -> str:
        """
        Raises:
            Left: the show was ended.
        """
        self._show.add_shown(
            info["task_id"], observation, info.get("images", ()), info.get("rewards", {}), info["outcome"]
        )
        action = self._player.act(observation, info)
        self._show.add(kind="acted", action=action)
        if self._show.ended.wait(self._delay):
            raise Left
        return action


def perform(
    show: Show,
    make: Callable[[], AbstractContextManager[Episode]],
    make_player: PlayerFactory,
    tasks: Sequence[Task],
    *,
    seed: int = 0,
    delay: float = 0.0,
) -> None:
    """Play an episode of each task in a show, from when somebody watches to when it is ended.

    Raises:
        AgentRLError: environment or player cannot go on; the show tells it too.
    """
    show.watched.wait()
    try:
        with make() as env:
            for number, task in enumerate(tasks):
                (*_, last) = play_with(
                    env, lambda e, s: Onlooker(make_player(e, s), show, delay), task, seed=seed + number
                )
                show.add_shown(task.task_id, last.feedback, last.last_images, last.rewards, last.outcome)
    except Left:
        return
    except AgentRLError as error:
        show.add(kind="failed", why=str(error))
        raise
