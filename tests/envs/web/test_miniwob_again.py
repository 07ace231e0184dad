"""A task in a document that had others is the same as in a new one, on each page that begins again in its document."""

from __future__ import annotations

import os
import random
import re
from typing import Any

import pytest

from tests.conftest import require, require_chromium

require("playwright")

from agentrl.envs.web.browser import browsers
from agentrl.envs.web.miniwob import MiniWoBEnv, pages
from agentrl.envs.web.miniwob.oracles import SOLVERS

require_chromium()

FREELY = (
    "click({0!r})",
    "click({0!r})",
    "dblclick({0!r})",
    "fill({0!r}, 'abc')",
    "press({0!r}, 'ArrowDown')",
    "drag_and_drop({0!r}, {1!r})",
    "mouse_click({2}, {3})",
    "keyboard_press('Tab')",
    "scroll(0, 50)",
)
"""Ways to leave traces."""


def meddle(env: MiniWoBEnv, task: str, rng: random.Random) -> None:
    """Play a task at random, and not to its end if it has none in eight actions."""
    text, _ = env.reset(options={"task": task})
    for _ in range(8):
        ids = re.findall(r"\[(\w+)\]", text) or ["a1"]
        action = rng.choice(FREELY).format(rng.choice(ids), rng.choice(ids), rng.randrange(160), rng.randrange(200))
        text, _, terminated, *_ = env.step(action)
        if terminated:
            return


def trace(env: MiniWoBEnv, task: str) -> list[Any]:
    """All that is to be known of an oracle's episode."""
    seen: list[Any] = [env.reset(options={"task": task})[0]]
    state = env.state
    assert state is not None
    assert state.session is not None
    for action in env.oracle() if env.names[0] in SOLVERS else ["noop()"]:
        seen.append(browsers().call(state.session.script("memory")))
        seen.append(env.step(action))
        if seen[-1][2]:
            break
    return seen


def again_and_anew(name: str, number: int) -> tuple[list[Any], list[Any]]:
    """A task after one that was meddled with, and in a new document."""
    env, task = MiniWoBEnv(task=name), f"train/{name}/{number + 50}"
    meddle(env, f"train/{name}/{number}", random.Random(f"{name}{number}"))
    again = trace(env, task)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "ONCE", frozenset([name]))
        return again, trace(env, task)


SOME = ["click-button", "click-tab", "enter-text", "find-word"]
if os.environ.get("AGENTRL_MANY_GAMES"):
    SOME = [name for name in pages.names() if name not in pages.ONCE]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SOME)
def test_a_task_after_another_is_as_in_a_new_document(name: str) -> None:
    """Some pages; with AGENTRL_MANY_GAMES all but those of `pages.ONCE`."""
    for number in range(2):
        again, anew = again_and_anew(name, number)
        assert again == anew


def test_a_document_stays_only_where_nothing_goes_on_in_it() -> None:
    def loaded(name: str) -> bool:
        """Whether the next task of the page gets a new document."""
        env.reset(options={"task": f"test/{name}/0"})
        env._evaluate("window.mine = true")
        for action in actions:
            env.step(action)
        env.reset(options={"task": f"test/{name}/1"})
        return env._evaluate("window.mine") is None

    env = MiniWoBEnv(task=("click-button", "click-dialog"))
    actions: list[str] = []
    assert not loaded("click-button")
    assert loaded("click-dialog")  # one of `pages.ONCE`
    actions = ["goto('http://miniwob.test/miniwob/click-tab.html')"]
    assert loaded("click-button")
    actions = []
    env.reset(options={"task": "test/click-button/0"})
    env._evaluate("window.mine = setTimeout(() => 0, 60000)")
    env.reset(options={"task": "test/click-button/1"})
    assert env._evaluate("window.mine") is None
