"""The same environment here and on a server gives the same answers: text, reward, flags, outcome and info.

CI plays 100 seeds × 50 steps of ALFWorld-v0, but of TextWorld-v0 only 25 seeds, which draw from two games, for its
games take seconds to make and milliseconds to step. All 100 seeds, with a game for each, in four levels (some ten
minutes the first time):

    AGENTRL_MANY_GAMES=1 python -m pytest tests/serving/test_client_same.py
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_match import check_environments_match

from tests.conftest import require

for component in ("httptools", "uvicorn", "textworld", "bm25s", "rapidfuzz"):
    require(component)

from agentrl.envs import Episode
from agentrl.registry import ENVIRONMENTS
from agentrl.types import Outcome
from tests.serving.conftest import Server

STEPS = 50
MANY = bool(os.environ.get("AGENTRL_MANY_GAMES"))
LEVELS = ("w2-o3-q4", "simple-dense", "coin_collector-5", "treasure_hunter-12")
CASES: list[tuple[str, int, dict[str, Any]]] = [
    ("ALFWorld-v0", 100, {}),
    ("Countdown-v0", 25, {"turns": "many"}),
    ("SearchQA-v0", 25, {"articles": 1000}),
    ("ToolDesk-v0", 25, {}),
    ("Travel-v0", 25, {}),
    ("WebShop-v0", 25, {"products": 1000}),
    ("TextWorld-v0", 25, {"games": 2}),
]
if MANY:
    CASES[-1:] = [("TextWorld-v0", 100, {"level": level}) for level in LEVELS]


@pytest.fixture(scope="module")
def url(server: Callable[..., Server]) -> str:
    return server(*ENVIRONMENTS).url


def test_every_registered_environment_is_compared() -> None:
    elsewhere = {"Desktop-v0", "Grounding-v0", "MiniWoB-v0", "SWE-v0"}  # compared in tests/envs/{gui,web,swe}/
    assert {env_id for env_id, *_ in CASES} == set(ENVIRONMENTS) - elsewhere


@pytest.mark.timeout(3600 if MANY else 300)
@pytest.mark.parametrize(("env_id", "seeds", "kwargs"), CASES)
def test_gymnasiums_comparison(url: str, env_id: str, seeds: int, kwargs: dict[str, Any]) -> None:
    """With random text for actions."""
    here = gym.make(env_id, render_mode="ansi", max_episode_steps=STEPS, **kwargs)
    there = gym.make(env_id, render_mode="ansi", max_episode_steps=STEPS, url=url, **kwargs)
    for seed in range(seeds):
        check_environments_match(here, there, STEPS, seed=seed)


@pytest.mark.timeout(3600 if MANY else 300)
@pytest.mark.parametrize(("env_id", "seeds", "kwargs"), CASES)
def test_our_own_comparison(url: str, env_id: str, seeds: int, kwargs: dict[str, Any]) -> None:
    """With commands that do something, and nonsense now and then, so that episodes get somewhere."""
    here, there = (gym.make(env_id, max_episode_steps=STEPS, **kwargs, **where) for where in ({}, {"url": url}))
    assert isinstance(here, Episode)
    texts: set[str] = set()
    rewarded = 0
    for seed in range(seeds):
        rng = random.Random(seed)
        answer: tuple[Any, ...] = here.reset(seed=seed)
        assert there.reset(seed=seed) == answer
        for step in range(STEPS):
            useful = answer[-1].get("admissible_commands") or list(here.oracle())
            action = rng.choice(useful) if rng.random() < 0.9 else f"xyzzy {step} é\n"
            answer = here.step(action)
            found = there.step(action)
            assert found == answer
            assert [type(part) for part in found] == [type(part) for part in answer]
            assert isinstance(found[4]["outcome"], Outcome)
            texts.add(answer[0])
            rewarded += any(answer[4]["rewards"].values())
            if answer[2] or answer[3]:
                break
        else:
            raise AssertionError("the time limit did not end the episode")
    assert len(texts) > seeds, "the comparison saw too little"
    assert rewarded, "the comparison saw no reward"
