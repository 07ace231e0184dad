"""`Grounding-v0`: pages, cursor, reward and episodes, in a real Chromium."""

from __future__ import annotations

import math
import os
import re
import shutil
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentrl  # noqa: F401 - registers the environments
from agentrl.envs.base import Episode
from agentrl.envs.check import check
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome
from tests.conftest import require

for component in ("playwright", "PIL"):
    require(component)

from agentrl.envs.gui.grounding.page_scenes import scene
from agentrl.envs.gui.grounding.pages import SIZE, page
from agentrl.envs.gui.grounding.reward import Box, Point, faults, position
from agentrl.envs.web.browser import pool
from tests.envs.web.pictures import picture

TARGET = Box(100, 40, 60, 20)
PLACES = st.builds(Point, st.integers(0, SIZE[0] - 1), st.integers(0, SIZE[1] - 1))


@pytest.fixture(autouse=True)
def _chromium(request: pytest.FixtureRequest) -> None:
    if not os.environ.get("CI") and not any(map(shutil.which, pool.PROGRAMS)):
        pytest.skip("there is no Chromium")


def make(**kwargs: Any) -> Episode:
    env = gym.make("Grounding-v0", **kwargs)
    assert isinstance(env, Episode)
    return env


def test_the_reward_of_positions() -> None:
    assert position(TARGET, TARGET.centre, 1000) == 2
    assert position(TARGET, Point(100, 40), 1000) == pytest.approx(1)  # a corner is as far from the centre as can be
    assert position(TARGET, Point(115, 50), 1000) == pytest.approx(1 + (1 - 15 / math.hypot(30, 10)) ** 2)
    assert position(TARGET, Point(160, 50), 1000) == 1  # just outside
    assert position(TARGET, Point(163, 64), 1000) == pytest.approx(1 - 5 / 1000)


@given(PLACES)
def test_inside_is_better_than_outside(point: Point) -> None:
    reward = position(TARGET, point, math.hypot(*SIZE))
    assert (1 <= reward <= 2) if TARGET.holds(point) else (0 <= reward <= 1)


def test_faults_of_moves() -> None:
    far, near, inside = Point(400, 300), Point(200, 50), Point(130, 50)
    assert faults(TARGET, [far], near) == {}
    assert faults(TARGET, [far, near], far) == {"false_direction": -1, "repeated": -1}
    assert faults(TARGET, [far, inside], Point(131, 51)) == {"false_move": -1}
    assert faults(TARGET, [far], far) == {"repeated": -1}


def test_pages_repeat_and_describe_each_element_once() -> None:
    kinds = set()
    for seed in range(200):
        html, targets = page(seed)
        assert (html, targets) == page(seed)
        descriptions = [target.description for target in targets]
        assert len(set(descriptions)) == len(descriptions) > 10
        kinds |= {target.kind for target in targets}
    assert kinds == {"icon", "link", "field", "checkbox", "button", "table", "card", "day", "colour"}


def test_all_elements_are_on_the_screen_and_none_covers_another() -> None:
    for seed in range(12):
        seen = scene(seed, pictured=False)
        assert [target.description for target in seen.targets] == [element.description for element in page(seed)[1]]
        for name, box in ((target.name, target.box) for target in seen.targets):
            assert box.left >= 0 <= box.top
            assert box.left + box.width <= SIZE[0]
            assert box.top + box.height <= SIZE[1]
            assert seen.under(box.centre) == name
            assert f"[{name}] " in seen.tree


def test_an_episode() -> None:
    env = make()
    text, info = env.reset(options={"task": "test/1"})
    assert "Point at: the button" in text
    assert text.endswith("Cursor: (400, 300), over nothing")
    assert "images" not in info
    text, reward, *_, info = env.step("move_to(1, 1)")
    assert (text, reward, info["rewards"]) == ("Cursor: (1, 1), over nothing", 0, {"false_direction": -1})
    text, *_, info = env.step("move(-50, 10)")
    assert text.startswith("Cursor: (0, 11)")  # the edge of the screen holds it
    text, *_, info = env.step("walk(1)")
    assert info["outcome"] == Outcome.invalid_action("there is no action walk; move_to, move, stop")
    solution = list(env.oracle())
    for action in solution:
        text, reward, *_, info = env.step(action)
    assert (reward, info["outcome"]) == (1, Outcome.terminated(success=True))
    assert info["rewards"] == {"outcome": 1, "position": 2, "format": 0}
    assert re.fullmatch(r"Cursor: \(.*\), over a\d+", text)


def test_stopping_elsewhere_and_running_out_of_moves() -> None:
    env = make(moves=2)
    env.reset(options={"task": "test/1"})
    info = env.step("stop()")[-1]
    assert info["outcome"] == Outcome.terminated(success=False)
    assert info["rewards"].keys() == {"outcome", "position", "format", "false_stop"}
    assert 0 < info["rewards"]["position"] < 1
    env.reset(options={"task": "test/1"})
    move, _ = env.oracle()
    assert env.step("move(1, 0)")[-1]["outcome"] == Outcome.running()
    assert env.step(move)[-1]["outcome"].solved  # the last move stops


def test_what_is_seen_is_the_cursor() -> None:
    env = make(screenshots=True, tree=False)
    text, info = env.reset(options={"task": "test/2"})
    assert "over" not in text
    assert "button" not in text
    (before,) = info["images"]
    (after,) = env.step("move_to(300, 200)")[-1]["images"]
    assert env.fork().step("move_to(400, 300)")[-1]["images"] == [before]
    old, new = picture(before), picture(after)
    assert old.size == new.size == SIZE
    changed = {(x, y) for x in range(SIZE[0]) for y in range(SIZE[1]) if old.getpixel((x, y)) != new.getpixel((x, y))}
    assert all((x - cx in range(16)) and (y - cy in range(24)) for x, y in changed for cx, cy in [_nearest(x, y)])
    assert {(301, 203), (401, 303)} <= changed


def _nearest(x: int, y: int) -> tuple[int, int]:
    return (300, 200) if y < 250 else (400, 300)


def test_the_contract() -> None:
    report = check("Grounding-v0", screenshots=True)
    assert report.passed, str(report)


def test_mistakes_of_the_caller() -> None:
    with pytest.raises(ConfigError, match="screenshots=True"):
        make(tree=False)
    with pytest.raises(ConfigError, match="at least 1"):
        make(moves=0)
    for task in ("test/500", "test/01", "dev/0", "3"):
        with pytest.raises(UnknownNameError, match="task"):
            make().reset(options={"task": task})
