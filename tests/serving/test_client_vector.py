"""`gym.make_vec` with a url: one request a step, and otherwise Gymnasium's own vector, mode by mode."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from tests.conftest import require

for component in ("httptools", "uvicorn"):
    require(component)

from agentrl.envs.serving.client import Client, Reply, Request
from agentrl.envs.serving.vector import RemoteVectorEnv
from agentrl.errors import ConfigError, InfraError
from tests.serving.conftest import Server, serving

NUM = 6


@pytest.fixture(scope="module")
def url(server: Callable[..., Server]) -> str:
    return server("ALFWorld-v0").url


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The routes that are asked for, one by one."""
    seen: list[str] = []
    send = Client.send

    def spy(client: Client, request: Request) -> Reply:
        if request.method != "DELETE":  # of environments that are garbage by now
            seen.append(request.route)
        return send(client, request)

    monkeypatch.setattr(Client, "send", spy)
    return seen


def same(here: tuple[Any, ...], there: tuple[Any, ...]) -> None:
    assert len(here) == len(there)
    for mine, other in zip(here, there, strict=True):
        assert data_equivalence(mine, other), (mine, other)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_it_does_what_gymnasiums_vector_of_local_environments_does(
    url: str, requests: list[str], mode: AutoresetMode
) -> None:
    limit = {"max_episode_steps": 5}
    here = gym.make_vec("ALFWorld-v0", NUM, "sync", {"autoreset_mode": mode}, **limit)
    there = gym.make_vec("ALFWorld-v0", NUM, url=url, autoreset_mode=mode, **limit)
    assert here.metadata == there.metadata
    assert (here.action_space, here.observation_space) == (there.action_space, there.observation_space)
    rng = random.Random(0)
    for reset in ({"seed": 7}, {"seed": [3, None, 4, 5, 6, 7]}, {}, {"seed": 1, "options": {"task": "train/5"}}):
        mine = here.reset(**copy.deepcopy(reset))
        del requests[:]
        same(mine, there.reset(**copy.deepcopy(reset)))
        assert requests == ["/v1/batch"]
        for _ in range(14):
            if mode == AutoresetMode.DISABLED and len(mine) == 5 and (over := np.logical_or(mine[2], mine[3])).any():
                again = {"reset_mask": over}
                mine = here.reset(options=dict(again))
                same(mine, there.reset(options=dict(again)))
                commands = [c or ["look"] for c in mine[1]["admissible_commands"]]
            else:
                commands = mine[-1]["admissible_commands"]
            actions = tuple(rng.choice(c) for c in commands)
            mine = here.step(actions)
            del requests[:]
            same(mine, there.step(actions))
            if mode != AutoresetMode.SAME_STEP:
                assert requests == ["/v1/batch"]
    here.close()
    there.close()


def test_the_spec_says_how_it_was_made(url: str) -> None:
    vector = gym.make_vec("ALFWorld-v0", 2, url=url, split="valid_seen")
    assert isinstance(vector, RemoteVectorEnv)
    assert vector.spec is not None
    assert vector.spec.id == "ALFWorld-v0"
    assert vector.spec.kwargs["url"] == url
    assert vector.reset(seed=0)[1]["task_id"][0].startswith("valid_seen")
    again = gym.make_vec(gym.spec("ALFWorld-v0"), 2, url=url)
    assert isinstance(again, RemoteVectorEnv)
    spec = copy.deepcopy(gym.spec("ALFWorld-v0"))
    spec.kwargs["url"] = url
    assert isinstance(gym.make_vec(spec, 2), RemoteVectorEnv)
    assert gym.make(spec).reset(seed=0)[1]["task_id"]


def test_without_url_nothing_has_changed() -> None:
    vector = gym.make_vec("ALFWorld-v0", 2, vector_kwargs={"autoreset_mode": "SameStep"}, max_episode_steps=4)
    assert type(vector) is SyncVectorEnv
    assert vector.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    wrapped = gym.make_vec("ALFWorld-v0", 2, wrappers=[gym.wrappers.RecordEpisodeStatistics])
    assert isinstance(wrapped, SyncVectorEnv)
    assert isinstance(wrapped.envs[0], gym.wrappers.RecordEpisodeStatistics)
    apart = gym.make_vec("ALFWorld-v0", 2, "async", {"shared_memory": False}, max_episode_steps=4)
    same(apart.reset(seed=1), vector.reset(seed=1))
    apart.close()


def test_modes_of_local_vectors_are_refused_with_url() -> None:
    for mode in ("sync", "async"):
        with pytest.raises(ConfigError, match="leave vectorization_mode out"):
            gym.make_vec("ALFWorld-v0", 2, mode, url="http://localhost:1")


def test_one_lost_session_is_that_ones_own_matter(url: str, requests: list[str]) -> None:
    vector = gym.make_vec("ALFWorld-v0", 3, url=url, recover=True)
    here = gym.make_vec("ALFWorld-v0", 3)
    assert isinstance(vector, RemoteVectorEnv)
    same(here.reset(seed=1), vector.reset(seed=1))
    core: Any = vector.envs[1].unwrapped
    core.session.client.send(Request(core.session.client, "DELETE", f"/v1/sessions/{core.session.id}", None, 10.0))
    del requests[:]
    same(here.step(("look",) * 3), vector.step(("look",) * 3))
    assert requests.count("/v1/batch") == 3, "one for the step, two to draw and play again what was lost"
    fragile = gym.make_vec("ALFWorld-v0", 3, url=url)
    assert isinstance(fragile, RemoteVectorEnv)
    fragile.reset(seed=1)
    core = fragile.envs[1].unwrapped
    core.session.client.send(Request(core.session.client, "DELETE", f"/v1/sessions/{core.session.id}", None, 10.0))
    with pytest.raises(InfraError, match="session"):
        fragile.step(("look",) * 3)


def test_it_outlives_its_server(tmp_path: Path) -> None:
    path = tmp_path / "s"
    here = gym.make_vec("ALFWorld-v0", 4)
    with serving(tmp_path, "ALFWorld-v0", unix_socket=path):
        there = gym.make_vec("ALFWorld-v0", 4, url=f"unix:{path}", recover=True)
        same(here.reset(seed=1), there.reset(seed=1))
        same(here.step(("look",) * 4), there.step(("look",) * 4))
    with serving(tmp_path, "ALFWorld-v0", unix_socket=path):
        same(here.step(("inventory",) * 4), there.step(("inventory",) * 4))
        there.close()


def test_specs_travel_to_other_processes() -> None:
    spec = gym.spec("ALFWorld-v0")
    for twin in (pickle.loads(pickle.dumps(spec)), copy.deepcopy(spec), copy.copy(spec)):
        assert twin == spec
        assert gym.make(twin, max_episode_steps=3).reset(seed=0)[1]["task_id"]
    read = gym.envs.registration.EnvSpec.from_json(spec.to_json())
    assert gym.make(read).reset(seed=0)[0] == gym.make("ALFWorld-v0").reset(seed=0)[0]
    made = gym.make("ALFWorld-v0", split="valid_seen").spec
    assert made is not None
    assert made.make().reset(seed=0)[1]["task_id"].startswith("valid_seen")


def test_an_unknown_render_mode_is_warned_of_as_ever() -> None:
    with pytest.warns(UserWarning, match="rgb_array"):
        gym.make("ALFWorld-v0", render_mode="rgb_array")
