"""The thread that plays: what happens there is returned, raised or cancelled here."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from agentrl.agents.journal import Journal
from agentrl.agents.loop import AgentLoop, RolloutSpec
from agentrl.errors import RunStoppedError
from agentrl.trainers.actor import Actor, RolloutQueue
from agentrl.types import Group, Task


class Loop:
    """Stands for an agent loop: a group ends when its event is set, or fails."""

    def __init__(self) -> None:
        self.ends: dict[int, asyncio.Event] = {}
        self.error: Exception | None = None
        self.cancelled = 0

    def places(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(4)

    async def group(self, spec: RolloutSpec, places: asyncio.Semaphore, log: Any) -> Group:
        try:
            await self.ends.setdefault(spec.seed, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return Group(spec.task)


@pytest.fixture
def actor() -> Any:
    actor = Actor()
    yield actor
    actor.close()
    assert not any(thread.name == "agentrl-actor" and thread.is_alive() for thread in threading.enumerate())


def specs(*numbers: int) -> list[tuple[int, RolloutSpec]]:
    return [(n, RolloutSpec(Task("E-v0", str(n)), 1, n)) for n in numbers]


def queue_of(loop: Loop, folder: Path) -> RolloutQueue:
    return RolloutQueue(cast(AgentLoop, loop), Journal(folder))


async def finish(loop: Loop, *numbers: int) -> None:
    await asyncio.sleep(0)
    for number in numbers:
        loop.ends.setdefault(number, asyncio.Event()).set()


def test_values_and_errors_come_back(actor: Actor) -> None:
    async def name() -> str:
        return threading.current_thread().name

    async def fail() -> None:
        raise RunStoppedError("enough")

    assert actor.call(name()) == "agentrl-actor"
    with pytest.raises(RunStoppedError, match="enough"):
        actor.call(fail())


def test_groups_are_handed_out_by_number_whichever_ends_first(actor: Actor, tmp_path: Path) -> None:
    loop = Loop()
    queue = queue_of(loop, tmp_path)
    actor.call(queue.admit(specs(0, 1, 2, 3)))
    actor.call(finish(loop, 3, 1, 0))
    assert [g.task.task_id for g in actor.call(queue.take([0, 1]))] == ["0", "1"]
    waiting = threading.Thread(target=lambda: taken.extend(actor.call(queue.take([2, 3]))))
    taken: list[Group] = []
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    assert not taken
    actor.call(finish(loop, 2))
    waiting.join(5)
    assert [g.number for g in taken] == [2, 3]


def test_the_error_of_a_later_group_ends_the_wait_for_an_earlier_one(actor: Actor, tmp_path: Path) -> None:
    loop = Loop()
    queue = queue_of(loop, tmp_path)
    actor.call(queue.admit(specs(0, 1)))
    loop.error = RunStoppedError("too many failures")
    actor.call(finish(loop, 1))
    with pytest.raises(RunStoppedError, match="too many failures"):
        actor.call(queue.take([0]))


def test_what_runs_is_cancelled_at_the_end(tmp_path: Path) -> None:
    actor, loop = Actor(), Loop()
    actor.call(queue_of(loop, tmp_path).admit(specs(0, 1, 2)))
    actor.call(finish(loop))
    actor.close()
    assert loop.cancelled == 3
