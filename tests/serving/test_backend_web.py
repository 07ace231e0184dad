"""Pages in a container: the image `web`, with a Chromium of its own and no network."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Any

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from agentrl.envs.base import Episode
from agentrl.errors import SandboxError
from tests.conftest import require

for component in ("docker.errors", "httptools", "playwright"):
    require(component)

from agentrl.sandboxes.engine import connect
from agentrl.sandboxes.images.catalog import IMAGES


def test_pages_in_a_container_are_those_of_this_process() -> None:
    try:
        with closing(connect()) as client:
            if not client.images.list(IMAGES["web"].tag):
                raise SandboxError("image_missing", "agentrl images build web")
    except SandboxError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    pages = {"task": ("click-button", "click-checkboxes", "enter-text"), "manual": False}
    _assert_same("MiniWoB-v0", 3, **pages)
    _assert_same("Grounding-v0", 2)


def _assert_same(env_id: str, tasks: int, **kwargs: Any) -> None:
    here, there = gym.make(env_id, **kwargs), gym.make(env_id, backend="docker", **kwargs)
    assert isinstance(here, Episode)
    for task in here.tasks("test")[:tasks]:
        assert here.reset(options={"task": task}) == there.reset(options={"task": task})
        for action in here.oracle():
            step = here.step(action)
            assert there.step(action) == step
        assert step[4]["outcome"].solved
    there.close()
    here.close()
