"""`Desktop-v0` here and on a server: the same answers, pictures included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym

import agentrl  # noqa: F401 - registers the environments
from tests.conftest import require

for component in ("docker", "PIL", "uvicorn", "httptools"):
    require(component)

from tests.envs.gui.desktops import need
from tests.envs.web.pictures import picture
from tests.serving.conftest import Server, server  # noqa: F401 - a fixture

ACTIONS = ("pyautogui.moveTo(500, 320)", "press the button", "WAIT", "FAIL")


def test_text_and_pictures_are_the_same_there(server: Callable[..., Server]) -> None:  # noqa: F811
    need()
    url = server("Desktop-v0").url
    here, there = (
        gym.make("Desktop-v0", template="missing_program", screenshots=True, **where) for where in ({}, {"url": url})
    )
    answer: tuple[Any, ...] = here.reset(options={"task": "test/missing_program/0"})
    answers = [(answer, there.reset(options={"task": "test/missing_program/0"}))]
    answers += [(here.step(action), there.step(action)) for action in ACTIONS]
    for one, other in answers:
        shown = [picture(found[-1].pop("images")[0]) for found in (one, other)]
        assert one == other
        assert shown[0].size == shown[1].size == (1280, 800)
        assert shown[0].tobytes() == shown[1].tobytes()
    assert answers[-1][0][-1]["outcome"].solved
    here.close()
    there.close()
