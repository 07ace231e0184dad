"""Environments in Chromium, here and on a server: the same answers, pictures included."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError
from tests.conftest import require, require_chromium

for component in ("playwright", "PIL", "uvicorn", "httptools", "websockets", "jinja2"):
    require(component)

from tests.envs.web.pictures import alike, picture
from tests.serving.conftest import Server, server  # noqa: F401 - a fixture

require_chromium()

SHOP = {"browser": True, "products": 500}
CASES: list[tuple[str, str, dict[str, Any], tuple[int, int]]] = [
    ("MiniWoB-v0", "test/click-checkboxes/0", {}, (160, 210)),
    ("MiniWoB-v0", "test/enter-text/1", {"marks": True}, (160, 210)),
    ("MiniWoB-v0", "test/click-tab-2/2", {"boxes": True}, (160, 210)),
    ("WebShop-v0", "test/home/0", SHOP, (1024, 768)),
    ("Grounding-v0", "test/7", {"tree": False}, (800, 600)),
]


@pytest.fixture(scope="module")
def url(server: Callable[..., Server]) -> str:  # noqa: F811
    return server("Grounding-v0", "MiniWoB-v0", "WebShop-v0", "seen_envs:SeenButton-v0").url


def assert_same(found: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    """Of what a reset or step returns all is equal, but for pictures, which are alike."""
    shown, wanted = (answer[-1]["images"] for answer in (found, expected))
    assert all(map(alike, shown, wanted))
    assert [*found[:-1], found[-1] | {"images": len(shown)}] == [*expected[:-1], expected[-1] | {"images": len(wanted)}]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("env_id", "task", "kwargs", "size"), CASES)
def test_text_and_pictures_are_the_same_there(
    url: str, env_id: str, task: str, kwargs: dict[str, Any], size: tuple[int, int]
) -> None:
    here = gym.make(env_id, screenshots=True, **kwargs)
    there = gym.make(env_id, screenshots=True, url=url, **kwargs)
    assert isinstance(here, Episode)
    answer: tuple[Any, ...] = here.reset(options={"task": task})
    assert_same(there.reset(options={"task": task}), answer)
    pictures, oracle = [answer[-1]["images"]], here.oracle()
    action: str | None = "click('nothing')"
    while action is not None:
        answer = here.step(action)
        assert_same(there.step(action), answer)
        pictures.append(answer[-1]["images"])
        action = None if answer[2] else next(oracle)
    assert answer[-1]["outcome"].solved
    assert all(len(images) == 1 and picture(images[0]).size == size for images in pictures)
    assert len({images[0] for images in pictures}) > 1


def test_a_served_session_without_screenshots_has_none(url: str) -> None:
    env = gym.make("MiniWoB-v0", task="click-button", url=url)
    assert "images" not in env.reset(seed=0)[1]


def test_openenv_carries_pictures_in_base64(url: str) -> None:
    with gym.make("OpenEnv-v0", url=f"{url}/envs/SeenButton-v0") as env:
        text, info = env.reset(options={"task": "test/click-button/0"})
    (sent,) = info["fields"]["images"]
    assert "Task: Click" in text
    assert picture(base64.b64decode(sent, validate=True)).size == (160, 210)


def test_what_has_no_pictures_says_so() -> None:
    with pytest.raises(ConfigError, match="browser=True"):
        gym.make("WebShop-v0", products=100, screenshots=True)
    with pytest.raises(ConfigError, match="screenshots=True"):
        gym.make("MiniWoB-v0", marks=True)
