"""Random programs of resets, steps, snapshots, restores, forks and lost sessions: the same here and on a server."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from tests.conftest import require

for component in ("httptools", "uvicorn"):
    require(component)

from agentrl.envs.base import Episode
from agentrl.envs.serving.client import Request
from tests.serving.conftest import Server

LENGTH = 60


@pytest.fixture(scope="module")
def url(server: Callable[..., Server]) -> str:
    return server("toy_envs:Corridor-v0").url


def lose(env: Episode) -> None:
    """Delete its session behind its back."""
    core: Any = env.core
    route = f"/v1/sessions/{core.session.id}"
    assert core.session.client.send(Request(core.session.client, "DELETE", route, None, 10.0)).status == 204


@pytest.mark.parametrize("losses", [0.0, 0.15])
@pytest.mark.parametrize("program", range(12))
def test_a_random_program(url: str, program: int, losses: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "fixtures")
    __import__("toy_envs")
    rng = random.Random(program)

    def make(**kwargs: Any) -> Episode:
        env = gym.make("Corridor-v0", max_episode_steps=6, **kwargs)
        assert isinstance(env, Episode)
        env.reset(seed=program)
        return env

    pairs = [(make(), make(url=url, recover=True)) for _ in range(2)]
    points: list[tuple[Any, Any]] = []
    running = [True, True]

    for _ in range(LENGTH):
        i = rng.randrange(2)
        here, there = pairs[i]
        if rng.random() < losses:
            lose(there)
        match rng.choice(["reset", "seed", "task", "step", "step", "step", "snapshot", "restore", "fork"]):
            case "reset":
                running[i] = True
                assert there.reset() == here.reset()
            case "seed":
                running[i], seed = True, rng.randrange(5)
                assert there.reset(seed=seed) == here.reset(seed=seed)
            case "task":
                running[i], options = True, {"task": f"test/{rng.randrange(10)}"}
                assert there.reset(options=dict(options)) == here.reset(options=dict(options))
            case "step" if running[i]:
                action = rng.choice(["right", "right", "left"])
                answer = here.step(action)
                assert there.step(action) == answer
                running[i] = not (answer[2] or answer[3])
            case "snapshot" if running[i]:
                points.append((here.snapshot(), there.snapshot()))
            case "restore" if points:
                mine, other = rng.choice(points)
                here.restore(mine)
                there.restore(other)
                running[i] = True
            case "fork" if running[i]:
                pairs[i] = here.fork(), there.fork()
