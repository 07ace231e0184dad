"""A run on several servers."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable

from agentrl.config import EnvConfig
from tests.conftest import require
from tests.serving.conftest import Server

for component in ("httptools", "uvicorn", "transformers"):
    require(component)

from agentrl.trainers.demos import make_env


def sessions(url: str) -> int:
    with urllib.request.urlopen(f"{url}/v1/sessions", timeout=10) as answer:
        return len(json.load(answer)["sessions"])


def test_the_environments_of_a_run_are_spread_over_its_servers(server: Callable[..., Server]) -> None:
    one, two = server("ALFWorld-v0"), server("ALFWorld-v0")
    config = EnvConfig(url=f"{one.url},{two.url}")
    envs = [make_env(config) for _ in range(6)]
    assert (sessions(one.url), sessions(two.url)) == (3, 3)
    one.stop()
    for env in envs:
        env.reset(seed=0)
        env.step("look")
    assert sessions(two.url) == 6
    for env in envs:
        env.close()
    assert sessions(two.url) == 0
