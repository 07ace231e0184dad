"""A small world, made once."""

from __future__ import annotations

import pytest

from agentrl.envs.text.searchqa.world import World, generate


@pytest.fixture(scope="package")
def world() -> World:
    return generate(7, 1500, long=False)
