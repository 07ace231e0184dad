"""An environment on a server keeps the contract that it keeps here, and its sessions do not outlive it."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_match import check_environments_match

from tests.conftest import require

for component in ("httptools", "uvicorn"):
    require(component)

from agentrl.address import Address
from agentrl.envs.base import Episode
from agentrl.envs.check import check
from agentrl.envs.serving.client import Client, Request
from agentrl.envs.serving.remote import RemoteEnv
from agentrl.errors import ConfigError, InfraError, UnknownNameError
from agentrl.types import Outcome
from tests.serving.conftest import Server, serving


@pytest.fixture(scope="module")
def url(server: Callable[..., Server]) -> str:
    return server("toy_envs:Corridor-v0", "toy_envs:Quiz-v0", "ALFWorld-v0", "CartPole-v1").url


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "fixtures")
    __import__("toy_envs")


pytestmark = pytest.mark.usefixtures("toys")


def make(env_id: str, url: str, **kwargs: Any) -> Episode:
    env = gym.make(env_id, url=url, **kwargs)
    assert isinstance(env, Episode)
    return env


def sessions(url: str) -> set[str]:
    """Those that are open on the server."""
    client = Client(Address.parse(url))
    return {s["session"] for s in client.send(Request(client, "GET", "/v1/sessions", None, 10.0)).body["sessions"]}


@pytest.mark.parametrize("env_id", ["Corridor-v0", "Quiz-v0"])
def test_the_whole_contract_holds_on_a_server(url: str, env_id: str) -> None:
    report = check(env_id, url=url)
    assert report.passed, str(report)


def test_what_the_environment_says_of_itself(url: str) -> None:
    near, far = gym.make("Corridor-v0", split="test"), make("Corridor-v0", url, split="test", render_mode="ansi")
    assert isinstance(near, Episode)
    for name in ("family", "splits", "channels", "split"):
        assert getattr(far.core, name) == getattr(near.core, name)
    assert (far.action_space, far.observation_space) == (near.action_space, near.observation_space)
    assert far.spec is not None
    assert far.spec.max_episode_steps == 30
    text, _ = far.reset()
    assert far.render() == text


def test_a_list_of_tasks_is_fetched_only_where_it_is_looked_at(url: str) -> None:
    near, far = gym.make("ALFWorld-v0"), make("ALFWorld-v0", url)
    assert isinstance(near, Episode)
    ours: Any = far.tasks("train")
    theirs = near.tasks("train")
    assert len(ours) == len(theirs) > 1000
    assert [ours[0], ours[-1], ours[700]] == [theirs[0], theirs[-1], theirs[700]]
    assert ours[255:258] == list(theirs[255:258])
    assert len(ours._pages) == 4
    with pytest.raises(IndexError):
        ours[len(ours)]
    for task in (ours[3], ours[-1], near.tasks("valid_unseen")[5]):
        assert far.kind(task) == near.kind(task) != ""


def test_mistakes_are_the_errors_that_they_are_here(url: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown split 'tset'; did you mean 'test'"):
        make("Corridor-v0", url, split="tset")
    with pytest.raises(ConfigError, match="unexpected keyword argument 'colour'"):
        make("Corridor-v0", url, colour="red")
    with pytest.raises((ConfigError, UnknownNameError), match="TextWorld-v0"):
        make("TextWorld-v0", url)
    env = make("Corridor-v0", url)
    with pytest.raises(UnknownNameError, match="unknown split 'tset'; did you mean 'test'"):
        env.tasks("tset")
    with pytest.raises(UnknownNameError, match="unknown reset option 'tsak'; did you mean 'task'"):
        env.reset(options={"tsak": "train/0"})
    with pytest.raises(UnknownNameError, match="unknown task 'train/99'"):
        env.reset(options={"task": "train/99"})
    with pytest.raises(gym.error.ResetNeeded):
        env.step("right")
    env.reset(options={"task": "train/0"})
    with pytest.raises(TypeError, match="an action is a str, not int"):
        env.step(1)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="set them to 0"):
        env.demonstrator(mistakes=0.5)
    for _ in range(4):
        *_, info = env.step("right")
    assert info["outcome"].solved
    with pytest.raises(gym.error.ResetNeeded):
        env.step("right")
    env.close()
    env.close()
    for call in (env.reset, env.tasks, env.snapshot, env.demonstrator):
        with pytest.raises(gym.error.ClosedEnvironmentError):
            call()


def test_no_server_is_a_typed_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="start a server with: agentrl serve"):
        make("Corridor-v0", f"unix:{tmp_path}/none")
    with pytest.raises(ConfigError, match=r"write it as 'http://host:8000'"):
        make("Corridor-v0", "localhost:8000")


def test_a_token_and_a_full_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path, "toy_envs:Corridor-v0", token="s3cret", max_sessions=1) as served:
        for wrong in ({}, {"token": "no"}):
            with pytest.raises(ConfigError, match="AGENTRL_TOKEN"):
                make("Corridor-v0", served.url, **wrong)
        first = make("Corridor-v0", served.url, token="s3cret")
        monkeypatch.setenv("AGENTRL_TOKEN", "s3cret")
        begun = time.monotonic()
        with pytest.raises(InfraError, match=r"open"):
            make("Corridor-v0", served.url, retry_s=0.1)
        assert time.monotonic() - begun < 5
        first.close()
        make("Corridor-v0", served.url).reset(seed=0)


def test_sessions_end_with_their_environments(url: str) -> None:
    before = sessions(url)
    env = make("Corridor-v0", url)
    env.reset(seed=0)
    twin = env.fork()
    assert len(sessions(url) - before) == 2
    env.close()
    assert len(sessions(url) - before) == 1
    assert twin.step("right")[0] == "You are at 1 of 7."
    del env, twin
    gc.collect()
    assert sessions(url) <= before


def test_a_lease_is_renewed_by_use_and_runs_out_without(url: str) -> None:
    used = make("Corridor-v0", url, lease_s=2)
    idle = make("Corridor-v0", url, lease_s=2)
    safe = make("Corridor-v0", url, lease_s=2, recover=True)
    for env in (used, idle, safe):
        env.reset(options={"task": "train/4"})
    name = idle.core.session.id  # type: ignore[attr-defined]
    used_name = used.core.session.id  # type: ignore[attr-defined]
    while name in sessions(url):
        assert used.step("left")[0] == "You are at 0 of 8."
        used.core.reset(options={"task": "train/4"})  # type: ignore[attr-defined]
    assert used_name in sessions(url)
    with pytest.raises(InfraError, match="lease"):
        idle.step("right")
    assert safe.step("right")[0] == "You are at 1 of 8."


def test_any_number_of_snapshots(url: str) -> None:
    env, other = make("Corridor-v0", url), make("Corridor-v0", url)
    env.reset(options={"task": "train/4"})
    points = [env.snapshot()]
    for _ in range(80):
        env.step("left")
        points.append(env.snapshot())
        if len(points) == 3:
            env.restore(points[0])
    env.restore(points[0])
    env.step("right")
    late = env.snapshot()
    for target, point, place in ((env, points[0], 0), (env, late, 1), (other, late, 1), (env, points[70], 0)):
        target.restore(point)
        assert target.step("right")[0] == f"You are at {place + 1} of 8."


def test_a_snapshot_outlives_its_session(url: str) -> None:
    env = make("Corridor-v0", url)
    env.reset(options={"task": "train/4"})
    env.step("right")
    point = env.snapshot()
    env.close()
    other = make("Corridor-v0", url)
    other.restore(point)
    assert other.step("right")[0] == "You are at 2 of 8."


def test_an_environment_knows_the_time_limit_around_it_here_or_there(url: str) -> None:
    for limits in ({}, {"max_episode_steps": 3}, {"max_episode_steps": -1}):
        near, far = gym.make("Corridor-v0", **limits), make("Corridor-v0", url, recover=True, **limits)
        assert isinstance(near, Episode)
        for env in (near, far):
            env.reset(options={"task": "train/4"})
        told = {name: env.step("left")[4]["outcome"] for name, env in (("near", near), ("far", far))}
        told["fork"] = far.fork().step("left")[4]["outcome"]
        assert isinstance(far.core, RemoteEnv)
        session = far.core.session
        session.client.send(Request(session.client, "DELETE", f"/v1/sessions/{session.id}", None, 10.0))
        told["recovered"] = far.step("left")[4]["outcome"]
        limit = limits.get("max_episode_steps", 30)
        expected = Outcome.invalid_action(f"only right, {None if limit < 0 else limit} times")
        assert told == dict.fromkeys(told, expected)


def test_the_demonstrator_acts_and_errs_as_it_does_here(url: str) -> None:
    near, far = gym.make("ALFWorld-v0"), make("ALFWorld-v0", url)
    assert isinstance(near, Episode)
    traces = []
    for env in (near, far):
        text, _ = env.reset(options={"task": "train/7"})
        expert = env.demonstrator(seed=3, mistakes=0.4)
        trace: list[Any] = []
        done = False
        while not done:
            action = expert.act(text)
            text, _, terminated, truncated, _ = env.step(action)
            trace.append((action, expert.last_was_mistake, text))
            done = terminated or truncated
        traces.append(trace)
    assert traces[0] == traces[1]
    assert any(mistake for _, mistake, _ in traces[0])


def test_many_episodes_at_once_wait_for_nobody(url: str) -> None:
    """One thread, no pool: what the agent loop does."""

    async def episode(env: Episode) -> list[Any]:
        answers = [await env.reset_async(seed=5, options={"task": "train/4"})]
        answers += [await env.step_async(action) for action in ("right", "left", "right")]
        return answers

    async def play() -> list[Any]:
        return await asyncio.gather(*(episode(env) for env in envs))

    envs = [make("Corridor-v0", url, max_episode_steps=3) for _ in range(16)]
    near = gym.make("Corridor-v0", max_episode_steps=3)
    expected = [near.reset(seed=5, options={"task": "train/4"})]
    expected += [near.step(action) for action in ("right", "left", "right")]
    for _ in range(2):  # a second event loop, the same connections
        assert asyncio.run(play()) == [expected] * 16
    assert expected[-1][-1]["outcome"] == Outcome.truncated("max_episode_steps")


def test_a_wrapper_that_changes_actions_cannot_be_awaited(url: str) -> None:
    env = Episode(gym.wrappers.TransformAction(make("Corridor-v0", url), lambda action: "left", None))
    env.reset(options={"task": "train/4"})
    with pytest.raises(ConfigError, match="cannot be awaited"):
        asyncio.run(env.step_async("right"))


def test_threads_share_the_connections_of_a_server(url: str) -> None:
    envs = [make("Corridor-v0", url) for _ in range(8)]

    def play(env: Episode) -> list[str]:
        starts = [env.reset(options={"task": "train/4"})[0] for _ in range(20)]
        return [starts[-1], *(env.step("right")[0] for _ in range(7))]

    with ThreadPoolExecutor(8) as pool:
        traces = list(pool.map(play, envs))
    assert traces == [[f"You are at {i} of 8." for i in range(8)]] * 8


def test_an_environment_with_other_spaces(url: str) -> None:
    near, far = gym.make("CartPole-v1").unwrapped, RemoteEnv("CartPole-v1", url)
    for seed in range(3):
        check_environments_match(near, far, 8, seed=seed)
    near.reset(seed=9)
    far.reset(seed=9)
    twin = far.fork()  # the server cannot; a new session plays the same again
    for action in (0, 1, np.int64(1)):
        expected = near.step(action)
        for env in (far, twin):
            observation, *rest = env.step(action)
            assert np.array_equal(observation, expected[0])
            assert tuple(rest) == expected[1:]
    with pytest.raises(ConfigError, match="no oracle"):
        next(far.oracle())


def test_a_forked_process_leaves_the_sessions_of_its_parent_alone(url: str) -> None:
    env = make("Corridor-v0", url)
    env.reset(options={"task": "train/4"})
    child = os.fork()
    if child == 0:  # pragma: no cover - in the child
        status = 1
        try:
            env.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert env.step("right")[0] == "You are at 1 of 8."
