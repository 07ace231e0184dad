"""Sessions over plain HTTP, against a real server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from tests.conftest import require

require("fastapi")
require("textworld")

from tests.serving.api import Answer, Api
from tests.serving.conftest import Server

RIGHT = {"call": "step", "action": "right"}


@pytest.fixture(scope="module")
def api(server: Callable[..., Server]) -> Api:
    ids = ["ALFWorld-v0", "toy_envs:Corridor-v0", "serving_envs:Faulty-v0"]
    return Api(server(*ids).url)


@pytest.fixture
def corridor(api: Api) -> str:
    """A session at the start of a corridor of length 4."""
    session = api.open("Corridor-v0")
    api.reset(session, options={"task": "train/0"})
    return session


def test_the_environments_are_listed(api: Api) -> None:
    listed = {e["env_id"]: e for e in api("GET", "/v1/envs").body["envs"]}
    assert list(listed) == ["ALFWorld-v0", "Corridor-v0", "Faulty-v0"]
    assert listed["ALFWorld-v0"] == {"env_id": "ALFWorld-v0", "family": "text", "max_episode_steps": 50}


def test_a_new_session_says_what_it_is(api: Api) -> None:
    body = {"env_id": "ALFWorld-v0", "kwargs": {"split": "valid_seen"}, "max_episode_steps": 7, "lease_s": 30}
    answer = api("POST", "/v1/sessions", body)
    assert answer.status == 201
    session = answer.body.pop("session")
    assert answer.body == {
        "env_id": "ALFWorld-v0",
        "lease_s": 30.0,
        "max_episode_steps": 7,
        "family": "text",
        "splits": ["train", "valid_seen", "valid_unseen", "test_unseen"],
        "channels": ["outcome", "progress"],
        "split": "valid_seen",
        "blocking": False,
        "metadata": {"render_modes": ["ansi"]},
        "action_space": {"type": "Unicode"},
        "observation_space": {"type": "Unicode"},
    }
    place = f"/v1/sessions/{session}"
    assert api.reset(place, seed=3)["info"]["task_id"].startswith("valid_seen/")
    api.step(place, "look")
    shown = api("GET", place).body
    assert shown.pop("idle_s") < 30
    assert shown == {"session": session, "env_id": "ALFWorld-v0", "task_id": shown["task_id"], "steps": 1}
    assert session in {s["session"] for s in api("GET", "/v1/sessions").body["sessions"]}
    assert api("POST", f"{place}/lease").body == {"lease_s": 30.0}
    assert api("POST", f"{place}/lease", {"lease_s": 5}).body == {"lease_s": 5.0}
    assert api("DELETE", place).status == api("DELETE", place).status == 204
    assert api("GET", place).code == api("POST", f"{place}/reset").code == "not_found"


def test_an_episode_is_that_of_a_local_environment(api: Api) -> None:
    env = gym.make("ALFWorld-v0")
    session = api.open("ALFWorld-v0")
    observation, info = env.reset(seed=11)
    answer = api.reset(session, seed=11)
    assert (answer["observation"], answer["info"]["task_id"]) == (observation, info["task_id"])
    actions = api("POST", f"{session}/oracle").body["actions"]
    assert actions == list(env.unwrapped.oracle())  # type: ignore[attr-defined]
    for action in ["dance", *actions]:
        observation, reward, terminated, truncated, info = env.step(action)
        answer = api.step(session, action)
        outcome = info.pop("outcome")
        said = answer["info"].pop("outcome")
        assert said == {"status": outcome.status, "success": outcome.success, "reason": outcome.reason}
        assert answer == {
            "observation": observation,
            "reward": reward,
            "terminated": terminated,
            "truncated": truncated,
            "info": info,
        }
    assert (reward, terminated) == (1.0, True)
    over = api("POST", f"{session}/step", {"action": "look"})
    assert (over.status, over.code) == (409, "no_episode")


@pytest.mark.parametrize("limit", [2, -1])
def test_the_time_limit_of_a_session(api: Api, limit: int) -> None:
    session = api.open("Corridor-v0", max_episode_steps=limit)
    api.reset(session)
    last = [api.step(session, "wait") for _ in range(31)] if limit < 0 else [api.step(session, "wait") for _ in "ab"]
    assert last[-1]["truncated"] is (limit == 2)
    assert last[-1]["info"]["outcome"]["status"] == ("truncated" if limit == 2 else "invalid_action")


def test_a_repeated_request_is_answered_but_not_played_again(api: Api, corridor: str) -> None:
    first = api.step(corridor, "right", request_id="a")
    assert api.step(corridor, "right", request_id="a") == first
    assert api("GET", corridor).body["steps"] == 1
    assert "1 of 4" in first["observation"]
    assert "2 of 4" in api.step(corridor, "right", request_id="b")["observation"]
    other = api("POST", f"{corridor}/step", {"action": "left", "request_id": "a"})
    assert (other.status, other.code) == (409, "request_id_reused")
    also = api("POST", f"{corridor}/reset", {"request_id": "a"})
    assert also.code == "request_id_reused"
    for i in range(7):
        api.step(corridor, "wait", request_id=f"w{i}")
    assert "2 of 4" in api.step(corridor, "right", request_id="b")["observation"]  # the eighth but one is kept
    assert "3 of 4" in api.step(corridor, "right", request_id="a")["observation"]  # the ninth is not
    assert api.reset(corridor, seed=1, request_id="r") == api.reset(corridor, seed=1, request_id="r")


def test_a_failed_call_is_not_recorded(api: Api) -> None:
    session = api.open("Corridor-v0")
    assert api("POST", f"{session}/step", {"action": "right", "request_id": "a"}).code == "no_episode"
    api.reset(session)
    assert "1 of" in api.step(session, "right", request_id="a")["observation"]


def test_one_call_at_a_time_and_a_repeated_one_waits_with_the_first(api: Api, tmp_path: Path) -> None:
    session = api.open("Faulty-v0")
    api.reset(session)
    body = {"action": f"wait {tmp_path}/go", "request_id": "a"}
    answers: list[Answer] = []
    callers = [threading.Thread(target=lambda: answers.append(api("POST", f"{session}/step", body))) for _ in range(3)]
    for caller in callers:
        caller.start()
    while not (tmp_path / "go.begun").exists():
        assert callers[0].is_alive()
    busy = api("POST", f"{session}/step", {"action": "look"})
    assert (busy.status, busy.code) == (409, "session_busy")
    assert api("GET", session).body["idle_s"] == 0
    (tmp_path / "go").touch()
    for caller in callers:
        caller.join()
    assert [a.status for a in answers] == [200] * 3
    assert len({str(a.body) for a in answers}) == 1
    assert api("GET", session).body["steps"] == 1


def test_a_session_deleted_during_a_call_ends_after_it(api: Api, tmp_path: Path) -> None:
    session = api.open("Faulty-v0")
    api.reset(session)
    answers: list[Answer] = []
    caller = threading.Thread(
        target=lambda: answers.append(api("POST", f"{session}/step", {"action": f"wait {tmp_path}/go"}))
    )
    caller.start()
    while not (tmp_path / "go.begun").exists():
        assert caller.is_alive()
    assert api("DELETE", session).status == 204
    (tmp_path / "go").touch()
    caller.join()
    assert answers[0].status == 200
    assert api("GET", session).code == "not_found"


def test_a_batch_plays_in_order_within_a_session(api: Api, corridor: str) -> None:
    names = [corridor.rpartition("/")[2], *(api.open("Faulty-v0").rpartition("/")[2] for _ in range(2))]
    calls: list[dict[str, Any]] = [{"session": name, "call": "reset", "options": {}} for name in names]
    calls[0]["options"] = {"task": "train/0"}
    for i in range(3):
        calls += [{"session": name, "call": "step", "action": "right", "request_id": f"{i}"} for name in names]
    calls += [{"session": "s-none", **RIGHT}, {"session": names[0], "call": "reset", "options": {"level": 1}}]
    answers = api("POST", "/v1/batch", {"calls": calls}).body["answers"]
    assert [a["observation"] for a in answers[:-2]] == [
        "You are at 0 of 4.",
        "ready",
        "ready",
        *(text for i in (1, 2, 3) for text in (f"You are at {i} of 4.", f"right ({i})", f"right ({i})")),
    ]
    assert "reward" not in answers[0]
    assert (answers[-2]["status"], answers[-2]["error"]["code"]) == (404, "not_found")
    assert (answers[-1]["status"], answers[-1]["error"]["code"]) == (422, "invalid")
    again = api("POST", "/v1/batch", {"calls": calls[3:]}).body["answers"]
    assert again[:9] == answers[3:12]


def test_a_batch_that_does_not_fit_plays_nothing(api: Api, corridor: str) -> None:
    name = corridor.rpartition("/")[2]
    for wrong in ({"session": name, "call": "jump"}, {"session": 5, **RIGHT}, {"session": name, **RIGHT, "x": 1}, 7):
        answer = api("POST", "/v1/batch", {"calls": [{"session": name, **RIGHT}, wrong]})
        assert (answer.status, answer.code) == (422, "invalid")
        assert "calls[" in answer.message
    assert api("GET", corridor).body["steps"] == 0
    assert api("POST", "/v1/batch", {"calls": [{"session": name, **RIGHT}] * 4097}).status == 422


def test_snapshots_and_forks(api: Api, corridor: str) -> None:
    api.step(corridor, "right")
    point = api("POST", f"{corridor}/snapshot")
    assert (point.status, point.body) == (201, {"snapshot": "p-1"})
    api.step(corridor, "right")
    here = api("POST", f"{corridor}/fork", {"lease_s": 9})
    there = api("POST", f"{corridor}/fork", {"snapshot": "p-1"})
    assert here.status == there.status == 201
    assert (here.body["lease_s"], there.body["lease_s"], here.body["env_id"]) == (9.0, 600.0, "Corridor-v0")
    forks = [f"/v1/sessions/{answer.body['session']}" for answer in (here, there)]
    assert [api("GET", place).body["steps"] for place in (*forks, corridor)] == [2, 1, 2]
    assert [api.step(s, "right")["observation"][11] for s in (*forks, corridor)] == ["3", "2", "3"]
    for _ in range(2):
        assert api("POST", f"{corridor}/restore", {"snapshot": "p-1"}).status == 204
        assert "2 of 4" in api.step(corridor, "right")["observation"]
    assert api("POST", f"{forks[0]}/restore", {"snapshot": "p-1"}).code == "not_found"  # its origin's
    assert api("DELETE", f"{corridor}/snapshots/p-1").status == 204
    assert api("DELETE", f"{corridor}/snapshots/p-1").code == "not_found"
    made = [api("POST", f"{corridor}/snapshot") for _ in range(65)]
    assert [a.status for a in made[-2:]] == [201, 429]
    assert "delete one" in made[-1].message


def test_a_fork_has_the_steps_left_that_its_origin_has(api: Api) -> None:
    session = api.open("Corridor-v0", max_episode_steps=3)
    api.reset(session)
    api.step(session, "wait")
    fork = "/v1/sessions/" + api("POST", f"{session}/fork").body["session"]
    assert [api.step(fork, "wait")["truncated"] for _ in "ab"] == [False, True]


def test_a_blocking_environment_stays_in_its_thread_and_its_fork_too(api: Api) -> None:
    session = api.open("Faulty-v0")
    api.reset(session)
    assert [api.step(session, "x")["observation"] for _ in "ab"] == ["x (1)", "x (2)"]


def test_what_trainers_may_know(api: Api, corridor: str) -> None:
    page = api("GET", f"{corridor}/tasks?split=test&start=8&stop=12").body
    assert page == {"total": 10, "tasks": [{"task_id": f"test/{i}", "kind": ""} for i in (8, 9)]}
    assert api("GET", f"{corridor}/tasks").body["total"] == 10
    assert api("GET", f"{corridor}/kind?task_id=train/1").body == {"kind": ""}
    assert api("GET", f"{corridor}/reference?task_id=train/1").body == {"reference": {}}
    assert api("POST", f"{corridor}/oracle").body == {"actions": ["right"] * 4}
    assert api("POST", f"{corridor}/demonstrate", {"observation": "x"}).code == "no_episode"
    assert api("POST", f"{corridor}/demonstrator", {"mistakes": 0.5}).status == 422
    assert api("POST", f"{corridor}/demonstrator").status == 204
    acts = [api("POST", f"{corridor}/demonstrate", {"observation": "x"}).body for _ in range(5)]
    assert acts == [{"action": "right", "mistake": False}] * 4 + [{"action": None, "mistake": False}]


@pytest.mark.parametrize(
    ("query", "word"), [("split=nope", "nope"), ("start=x", "start"), ("stop=99999", "stop"), ("page=1", "page")]
)
def test_wrong_queries_name_the_field(api: Api, corridor: str, query: str, word: str) -> None:
    answer = api("GET", f"{corridor}/tasks?{query}")
    assert (answer.status, answer.code) == (422, "invalid")
    assert word in answer.message
