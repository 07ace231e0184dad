"""OpenEnv's protocol over HTTP, and OpenEnv's own tools against our server.

OpenEnv lives in an environment of its own: `make .venv-openenv/.done`, or AGENTRL_OPENENV_PYTHON.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from tests.conftest import require

require("fastapi")

import agentrl  # noqa: F401 - registers the environments
from tests.serving.api import Api
from tests.serving.conftest import Server

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("AGENTRL_OPENENV_PYTHON") or ROOT / ".venv-openenv/bin/python")


@pytest.fixture(scope="module")
def api(server: Callable[..., Server]) -> Api:
    return Api(server("ALFWorld-v0", "toy_envs:Corridor-v0", "CartPole-v1").url)


@pytest.fixture(scope="module")
def openenv() -> Callable[..., str]:
    """Run OpenEnv's Python; returns what it printed."""
    if not PYTHON.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            f"{PYTHON} is missing; make .venv-openenv/.done makes it"
        )

    def run(*arguments: str) -> str:
        done = subprocess.run([PYTHON, *arguments], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("place", ["", "/envs/CartPole-v1"])
def test_openenv_validates_the_server(api: Api, openenv: Callable[..., str], place: str) -> None:
    command = "from openenv.cli.__main__ import main; main()"
    report = json.loads(openenv("-c", command, "validate", "--url", f"{api.url}{place}", "--json"))
    assert report["passed"] is True
    assert report["mode"] == "simulation"
    assert report["standard_profile"] == "openenv-http/1.x"
    assert {c["id"]: c["passed"] for c in report["criteria"]} == dict.fromkeys(
        [
            "openapi_version_available",
            "health_endpoint",
            "metadata_endpoint",
            "schema_endpoint",
            "mcp_endpoint",
            "mode_endpoint_consistency",
        ],
        True,
    )


def test_openenv_s_own_client_plays_alfworld_to_its_end(api: Api, openenv: Callable[..., str]) -> None:
    env: Any = gym.make("ALFWorld-v0")
    text, info = env.reset(options={"task": "valid_seen/3"})
    actions = list(env.oracle())
    script = str(Path(__file__).with_name("openenv_plays.py"))
    played = json.loads(openenv(script, api.url, "valid_seen/3", json.dumps(actions)))
    assert played["first"] == {"text": text, "admissible_commands": info["admissible_commands"]}
    assert played["rewards"] == [0.0] * (len(actions) - 1) + [1.0]
    assert played["done"] == [False] * (len(actions) - 1) + [True]
    assert played["metadata"]["outcome"] == {"status": "terminated", "success": True, "reason": ""}
    assert sum(played["metadata"]["rewards"].values()) > 1  # the last turn's progress, too
    assert played["state"]["step_count"] == len(actions)
    assert played["state"]["episode_id"] == "theirs"
    assert "reset first" in played["refused"]


def test_episodes_over_http_are_stateful(api: Api) -> None:
    first = api("POST", "/envs/Corridor-v0/reset", {"task": "train/0"}).body
    other = api("POST", "/envs/Corridor-v0/reset", {"task": "train/1", "episode_id": "mine"}).body
    assert set(first) == {"observation", "reward", "done", "metadata"}
    assert other["metadata"]["episode_id"] == "mine"
    mine = first["metadata"]["episode_id"]
    for i in range(1, 5):
        body = {"action": {"command": "right"}, "episode_id": mine, "request_id": f"{i}"}
        step = api("POST", "/envs/Corridor-v0/step", body).body
        assert api("POST", "/envs/Corridor-v0/step", body).body == step
        assert (step["done"], step["metadata"]["terminated"]) == (i == 4, i == 4)
    assert step["reward"] == 1.0
    state = api("GET", f"/envs/Corridor-v0/state?episode_id={mine}").body
    assert (state["step_count"], state["playing"]) == (4, False)
    assert api("GET", "/envs/Corridor-v0/state?episode_id=mine").body["step_count"] == 0
    assert api("GET", "/envs/Corridor-v0/state").body["episode_id"] is None
    assert api("POST", "/envs/Corridor-v0/reset", {"task": "train/0", "episode_id": mine}).status == 200
    assert len([s for s in api("GET", "/v1/sessions").body["sessions"] if s["env_id"] == "Corridor-v0"]) == 2
    assert api("POST", "/step", {"action": {"command": "look"}, "episode_id": mine}).code == "not_found"


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("/step", {"action": {"command": "look"}}, 422, "episode_id"),
        ("/step", {"action": "look", "episode_id": "x"}, 422, "action"),
        ("/step", {"action": {"command": "look"}, "episode_id": "x", "timeout_s": 3}, 422, "timeout_s"),
        ("/step", {"action": {"command": "look"}, "episode_id": "x"}, 404, "POST /reset"),
        ("/reset", {"seed": -4}, 422, "seed"),
        ("/reset", {"foo": 1}, 422, "foo"),
        ("/envs/Nope-v0/reset", {}, 404, "ALFWorld-v0"),
        ("/ALFWorld-v0/task", {"split": "valid_seen", "index": 10**9}, 400, "num_tasks"),
        ("/ALFWorld-v0/task", {"split": "valid_seen", "index": -1}, 400, "num_tasks"),
        ("/ALFWorld-v0/tasks", {"split": "train"}, 422, "task_range"),
        ("/ALFWorld-v0/tasks", {"split": "nope"}, 422, "nope"),
        ("/Nope-v0/num_tasks", {"split": "train"}, 404, "ALFWorld-v0"),
        ("/CartPole-v1/num_tasks", {"split": "train"}, 501, "CartPole-v1"),
    ],
)
def test_mistakes(api: Api, path: str, body: dict[str, Any], status: int, word: str) -> None:
    answer = api("POST", path, body)
    assert answer.status == status, answer
    assert word in answer.message


def test_what_the_environment_is(api: Api) -> None:
    about = api("GET", "/metadata").body
    assert about["name"] == "ALFWorld-v0"
    assert "household" in about["description"]
    schemas = api("GET", "/schema").body
    assert schemas["action"]["required"] == ["command"]
    assert schemas["action"]["properties"]["command"]["type"] == "string"
    cart = api("GET", "/envs/CartPole-v1/schema").body
    assert cart["action"]["properties"] == {"action": {"type": "integer", "minimum": 0, "maximum": 1}}
    reset = api("POST", "/envs/CartPole-v1/reset", {"seed": 1}).body
    body = {"action": {"action": 1}, "episode_id": reset["metadata"]["episode_id"]}
    step = api("POST", "/envs/CartPole-v1/step", body).body
    assert len(step["observation"]["observation"]) == 4
    assert step["reward"] == 1.0


def test_tasks(api: Api) -> None:
    env: Any = gym.make("ALFWorld-v0")
    count = len(env.tasks("valid_seen"))
    assert api("GET", "/list_environments").body == ["ALFWorld-v0", "Corridor-v0", "CartPole-v1"]
    splits = {s["name"]: s["type"] for s in api("GET", "/ALFWorld-v0/splits").body}
    kinds = ["train", "validation", "validation", "test"]
    assert splits == dict(zip(["train", "valid_seen", "valid_unseen", "test_unseen"], kinds, strict=True))
    assert api("GET", "/CartPole-v1/splits").body == []
    split = {"split": "valid_seen"}
    assert api("POST", "/ALFWorld-v0/num_tasks", split).body == {"num_tasks": count}
    every = api("POST", "/ALFWorld-v0/tasks", split).body
    assert [t["task_id"] for t in every["tasks"]] == list(env.tasks("valid_seen"))
    assert every["env_name"] == "ALFWorld-v0"
    assert api("POST", "/ALFWorld-v0/task", split | {"index": 2}).body == {"task": every["tasks"][2]}
    some = api("POST", "/ALFWorld-v0/task_range", split | {"start": count - 2}).body["tasks"]
    assert some == every["tasks"][-2:]
    assert api("POST", "/ALFWorld-v0/task_range", split | {"start": 1, "stop": 3}).body["tasks"] == every["tasks"][1:3]


def test_tools(api: Api) -> None:
    def rpc(method: str, params: Any = None, **more: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params or {}} | more
        answer = api("POST", "/envs/Corridor-v0/mcp", request)
        assert answer.status == 200
        assert answer.body["jsonrpc"] == "2.0"
        assert answer.body["id"] == request["id"]
        return answer.body

    begun = rpc("initialize", {"protocolVersion": "2025-03-26", "capabilities": {}})["result"]
    assert (begun["protocolVersion"], begun["serverInfo"]["name"]) == ("2025-03-26", "Corridor-v0")
    assert rpc("initialize", {"protocolVersion": "1999"})["result"]["protocolVersion"] == "2025-06-18"
    assert api("POST", "/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}).status == 202
    assert rpc("ping")["result"] == {}
    tools = {t["name"]: t["inputSchema"] for t in rpc("tools/list")["result"]["tools"]}
    assert tools["step"]["required"] == ["command"]
    reset = rpc("tools/call", {"name": "reset", "arguments": {"task": "train/0"}})["result"]
    assert reset["content"] == [{"type": "text", "text": "You are at 0 of 4."}]
    session = reset["structuredContent"]["metadata"]["episode_id"]
    for i in (1, 2, 3):
        step = rpc("tools/call", {"name": "step", "arguments": {"command": "right", "session_id": session}})
        assert step["result"]["content"][0]["text"] == f"You are at {i} of 4."
    end = rpc("tools/call", {"name": "step", "arguments": {"command": "right"}, "session_id": session})["result"]
    assert (end["structuredContent"]["reward"], end["isError"]) == (1.0, False)
    over = rpc("tools/call", {"name": "step", "arguments": {"command": "right", "session_id": session}})["result"]
    assert over["isError"] is True
    made = rpc("openenv/session/create")["result"]["session_id"]
    rpc("tools/call", {"name": "reset", "arguments": {"session_id": made}})
    assert rpc("openenv/session/close", {"session_id": made})["result"] == {"session_id": made, "closed": True}
    assert rpc("openenv/session/close", {"session_id": made})["error"]["code"] == -32602
    assert rpc("nope")["error"]["code"] == -32601
    assert rpc("tools/call", {"name": "nope"})["error"]["code"] == -32602
    assert rpc("ping", [1])["error"]["code"] == -32602
    assert api("POST", "/mcp", b"{").body["error"]["code"] == -32700
    for wrong in ({}, {"jsonrpc": "1.0", "method": "ping", "id": 1}, {"jsonrpc": "2.0", "id": 1}):
        assert api("POST", "/mcp", wrong).body["error"]["code"] == -32600
