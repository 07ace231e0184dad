"""Kinds of environments and of failures over plain HTTP; the log, the metrics and the documentation."""

from __future__ import annotations

import math
from collections.abc import Callable

import gymnasium as gym
import pytest

from tests.conftest import require

require("fastapi")

from tests.serving.api import Api
from tests.serving.conftest import Server


@pytest.fixture(scope="module")
def api(server: Callable[..., Server]) -> Api:
    return Api(server("serving_envs:Faulty-v0", "serving_envs:Walk-v0", "CartPole-v1").url)


def test_a_plain_gymnasium_environment(api: Api) -> None:
    env = gym.make("CartPole-v1")
    session = api.open("CartPole-v1")
    observation, _ = env.reset(seed=5)
    assert api.reset(session, seed=5)["observation"] == observation.tolist()
    for action in (0, 1, 1):
        observation, reward, terminated, _, _ = env.step(action)
        answer = api.step(session, action)
        assert (answer["observation"], answer["reward"]) == (observation.tolist(), reward)
        assert answer["terminated"] is terminated
    for what in ("snapshot", "oracle", "fork", "demonstrator"):
        refused = api("POST", f"{session}/{what}")
        assert (refused.status, refused.code) == (501, "unsupported")
    assert api("GET", f"{session}/tasks").status == 501
    for wrong in (2, -1, 0.5, True, "left", None, [0], {"a": 1}):
        refused = api("POST", f"{session}/step", {"action": wrong})
        assert (refused.status, refused.code) == (422, "invalid"), wrong
        assert "Discrete(2)" in refused.message


def test_nested_spaces_and_infinite_numbers(api: Api) -> None:
    made = api("POST", "/v1/sessions", {"env_id": "Walk-v0"}).body
    inf, box = "inf", {"type": "Box", "shape": [2], "dtype": "float32"}
    assert made["observation_space"]["spaces"] == {
        "at": box | {"low": ["-inf", "-inf"], "high": [inf, inf]},
        "steps": {"type": "Discrete", "n": 100, "start": 0},
    }
    session = f"/v1/sessions/{made['session']}"
    at = api.reset(session, seed=1)["observation"]["at"]
    moved = api.step(session, [1, 0.5])
    assert moved["info"] == {"direction": 1}
    assert all(math.isclose(b, a + 0.5, rel_tol=1e-6) for a, b in zip(at, moved["observation"]["at"], strict=True))
    assert api.step(session, [4, 0.0])["observation"]["at"] == ["inf", "-inf"]
    for wrong in ([0, 0.5], [1], [1, 2.0], {"a": 1}, "x", None):
        assert api("POST", f"{session}/step", {"action": wrong}).status == 422, wrong
    assert api.step(session, [1, 0.0])["terminated"] is True


def test_numpy_travels_in_info(api: Api) -> None:
    session = api.open("Faulty-v0")
    api.reset(session)
    info = api.step(session, "numpy")["info"]
    assert (info["array"], info["scalar"]) == ([0, 1, 2], 0.5)


@pytest.mark.parametrize(
    ("action", "status", "code", "word"),
    [
        ("bug", 500, "internal", "RuntimeError"),
        ("infra", 502, "infra_error", "the sandbox is gone"),
        ("odd", 500, "internal", "TypeError"),
    ],
)
def test_what_fails_in_the_environment_ends_the_session(
    api: Api, action: str, status: int, code: str, word: str
) -> None:
    session = api.open("Faulty-v0")
    api.reset(session)
    answer = api("POST", f"{session}/step", {"action": action, "request_id": "a"})
    assert (answer.status, answer.code) == (status, code)
    assert word in answer.message
    again = api("POST", f"{session}/step", {"action": action, "request_id": "a"})
    assert (again.status, again.code) == (410, "session_lost")
    assert str(status) in again.message


def test_our_faults_have_an_id_that_the_log_has(server: Callable[..., Server]) -> None:
    running = server("serving_envs:Faulty-v0")
    api = Api(running.url)
    session = api.open("Faulty-v0")
    api.reset(session)
    error = api("POST", f"{session}/step", {"action": "bug"}).body["error"]
    log = running.log.read_text()
    assert error["id"] in log
    assert "RuntimeError: a bug of the environment" in log


def test_metrics(server: Callable[..., Server]) -> None:
    api = Api(server("toy_envs:Corridor-v0").url)
    session = api.open("Corridor-v0")
    api.reset(session, options={"task": "train/0"})
    for _ in range(4):
        api.step(session, "right")
    api("POST", f"{session}/step", {"action": "right"})
    api.open("Corridor-v0")
    lines = dict(line.rsplit(" ", 1) for line in api("GET", "/metrics").body.splitlines() if line[0] != "#")
    assert lines["agentrl_sessions_open"] == "2.0"
    assert lines['agentrl_sessions_created_total{env="Corridor-v0"}'] == "2.0"
    assert lines['agentrl_steps_total{env="Corridor-v0",outcome="running"}'] == "3.0"
    assert lines['agentrl_steps_total{env="Corridor-v0",outcome="terminated"}'] == "1.0"
    assert lines['agentrl_step_seconds_count{env="Corridor-v0"}'] == "4.0"
    assert lines['agentrl_errors_total{code="no_episode"}'] == "1.0"


def test_every_route_is_documented(api: Api) -> None:
    page = api("GET", "/openapi.json").body
    paths = page["paths"]
    assert {"/v1/batch", "/v1/sessions/{session}/step", "/reset", "/envs/{env_id}/mcp", "/{env_id}/task"} <= set(paths)
    for path, methods in paths.items():
        for about in methods.values():
            assert about["description"], path
            assert {p["name"] for p in about.get("parameters", []) if p["in"] == "path"} == {
                part[1:-1] for part in path.split("/") if part.startswith("{")
            }
    step = paths["/v1/sessions/{session}/step"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "action" in step["required"]
    assert api("GET", "/docs").status == 200
