"""Shows: who comes early, who comes late, and how they end."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from agentrl.agents.players import PLAYERS, Human
from agentrl.agents.watching import Show, perform
from agentrl.envs.base import Episode, Result, TextEnv
from agentrl.errors import InfraError
from agentrl.types import Outcome, Task


class Doors(TextEnv):
    """Open three doors; behind the second of the task `broken` is none."""

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return ["fine", "broken"]

    def begin(self, task_id: str) -> Result:
        self.state = 0
        return Result("Door 0.", images=[b"picture 0"])

    def act(self, action: str) -> Result:
        self.state += 1
        if (self.task_id, self.state) == ("broken", 2):
            raise InfraError("the wall is gone")
        done = self.state == 3
        outcome = Outcome.terminated(success=True) if done else Outcome.running()
        text = f"Door {self.state}."
        return Result(text, {"outcome": float(done)}, outcome, images=[b"picture %d" % self.state])

    def oracle(self) -> Iterator[str]:
        yield from ["open"] * (3 - self.state)


@contextmanager
def doors() -> Iterator[Episode]:
    yield Episode(Doors())


def tasks(*names: str) -> list[Task]:
    return [Task("Doors-v0", name) for name in names]


async def watched(show: Show, until: str) -> list[dict[str, Any]]:
    """The frames up to one that says `until`."""
    frames = []
    async for frame in show.follow():
        frames.append(json.loads(frame))
        if until in frame:
            break
    return frames


def test_all_see_the_same_from_the_beginning() -> None:
    show = Show()
    playing = threading.Thread(target=perform, args=(show, doors, PLAYERS["oracle"], tasks("fine", "fine")))
    playing.start()

    async def audience() -> list[list[dict[str, Any]]]:
        return await asyncio.gather(*(watched(show, '"end"') for _ in range(2)))

    async def main() -> list[list[dict[str, Any]]]:
        waiting = asyncio.create_task(audience())
        await asyncio.to_thread(playing.join)
        show.add(kind="end")
        return [*await waiting, await watched(show, '"end"')]

    early, too, late = asyncio.run(main())
    assert early == too == late
    assert [frame["kind"] for frame in early] == [*["shown", "acted"] * 3, "shown"] * 2 + ["end"]
    assert [base64.b64decode(frame["images"][0]) for frame in early[:7:2]] == [b"picture %d" % i for i in range(4)]
    assert early[6]["rewards"] == {"outcome": 1}
    assert early[6]["outcome"] == {"status": "terminated", "success": True, "reason": ""}


def test_nothing_is_played_before_somebody_watches_and_the_end_is_at_once() -> None:
    show = Show()
    playing = threading.Thread(
        target=perform, args=(show, doors, PLAYERS["oracle"], tasks("fine")), kwargs={"delay": 9}
    )
    playing.start()
    playing.join(0.05)
    assert playing.is_alive()
    frames = asyncio.run(watched(show, "acted"))
    assert [frame["kind"] for frame in frames] == ["shown", "acted"]
    show.end()
    playing.join(60)
    assert not playing.is_alive()
    assert asyncio.run(watched(show, "nothing")) == []  # who comes now is sent away


def test_a_person_who_leaves_ends_it() -> None:
    show = Show()
    human = Human(lambda _: None, lambda _: show.typed.get())
    playing = threading.Thread(target=perform, args=(show, doors, lambda _, __: human, tasks("fine")))
    playing.start()
    show.typed.put("kick")
    assert asyncio.run(watched(show, "Door 1"))[1] == {"kind": "acted", "action": "kick"}
    show.end()
    playing.join(60)
    assert not playing.is_alive()


def test_failures_are_shown() -> None:
    show = Show()
    show.watched.set()
    perform(show, doors, PLAYERS["oracle"], tasks("broken"))
    last = asyncio.run(watched(show, "infra_error"))[-1]
    assert last["outcome"]["reason"] == "the wall is gone"

    @contextmanager
    def nothing() -> Iterator[Episode]:
        raise InfraError("there is no house")
        yield

    with pytest.raises(InfraError, match="no house"):
        perform(show, nothing, PLAYERS["oracle"], tasks("fine"))
    assert asyncio.run(watched(show, "failed"))[-1] == {"kind": "failed", "why": "there is no house"}
