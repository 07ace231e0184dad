"""The loop of the agent that serves in a sandbox."""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Callable

import pytest

from agentrl.sandboxes.agent.loop import Agent


@pytest.mark.parametrize("again", [False, True], ids=["closed", "closed and its number given to another"])
def test_what_a_callback_drops_is_not_called_back_any_more(again: bool) -> None:
    agent, called = Agent(), list[socket.socket]()
    fresh: list[int] = []
    ends = [socket.socketpair() for _ in range(2)]

    def rid_of(other: socket.socket) -> Callable[[], None]:
        def callback() -> None:
            called.append(other)
            number = other.fileno()
            agent.drop(other)
            if again:
                fresh.append(os.dup2(ends[0][1].fileno(), number))
                agent.watch(number, selectors.EVENT_READ, lambda: called.append(other))

        return callback

    for (ours, theirs), (other, _) in zip(ends, reversed(ends), strict=True):
        agent.watch(ours, selectors.EVENT_READ, rid_of(other))
        theirs.send(b"x")
    agent.attend(0)  # both are ready
    assert len(called) == 1
    for end in (*fresh, *(end.detach() for pair in ends for end in pair if end.fileno() >= 0)):
        os.close(end)
