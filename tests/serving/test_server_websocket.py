"""OpenEnv's WebSocket, spoken by the `websockets` package and byte by byte."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import require

require("fastapi")
require("websockets")

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import agentrl  # noqa: F401 - registers the environments
from tests.serving.api import Api
from tests.serving.conftest import Server

RESET = {"type": "reset", "data": {"task": "train/0"}}
RIGHT = {"type": "step", "data": {"command": "right"}}


@pytest.fixture(scope="module")
def url(server: Callable[..., Server]) -> str:
    ids = ["toy_envs:Corridor-v0", "serving_envs:Faulty-v0", "serving_envs:Walk-v0"]
    return server(*ids, max_sessions=3).url.replace("http", "ws")


def say(connection: ClientConnection, message: Any) -> Any:
    connection.send(message if isinstance(message, str | bytes | list) else json.dumps(message))
    return json.loads(connection.recv(timeout=30))


def test_an_episode(url: str) -> None:
    with connect(f"{url}/ws") as connection:
        begun = say(connection, RESET | {"data": {"task": "train/0", "episode_id": "mine", "seed": 4}})
        assert begun == {
            "type": "observation",
            "data": {
                "observation": {"text": "You are at 0 of 4."},
                "reward": None,
                "done": False,
                "metadata": {"task_id": "train/0", "episode_id": "mine"},
            },
        }
        for _ in range(3):
            assert say(connection, RIGHT)["data"]["done"] is False
        assert say(connection, {"type": "state"}) == {
            "type": "state",
            "data": {"episode_id": "mine", "step_count": 3, "task_id": "train/0", "playing": True},
        }
        end = say(connection, RIGHT | {"data": {"command": "right", "metadata": {}}})["data"]
        beside = {
            "terminated": True,
            "truncated": False,
            "outcome": {"status": "terminated", "success": True, "reason": ""},
            "rewards": {"outcome": 1.0},
            "task_id": "train/0",
            "episode_id": "mine",
        }
        ended = {"observation": {"text": "The end."}, "reward": 1.0, "done": True}
        assert end == ended | beside | {"metadata": beside}
        assert say(connection, RIGHT)["data"]["code"] == "EXECUTION_ERROR"
        assert say(connection, RESET)["data"]["done"] is False
        connection.send('{"type": "close"}')
        with pytest.raises(ConnectionClosed):
            connection.recv(timeout=30)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "INVALID_JSON"),
        ("", "INVALID_JSON"),
        (b"\xff\xfe", "INVALID_JSON"),
        ("[]", "VALIDATION_ERROR"),
        ({"data": {}}, "VALIDATION_ERROR"),
        ({"type": 5}, "VALIDATION_ERROR"),
        ({"type": "jump"}, "UNKNOWN_TYPE"),
        ({"type": "step"}, "VALIDATION_ERROR"),
        ({"type": "step", "data": {"text": "right"}}, "VALIDATION_ERROR"),
        ({"type": "step", "data": {"command": 5}}, "VALIDATION_ERROR"),
        ({"type": "step", "data": {"command": "right"}, "extra": 1}, "VALIDATION_ERROR"),
        ({"type": "reset", "data": {"seed": -1}}, "VALIDATION_ERROR"),
        ({"type": "reset", "data": {"seed": True}}, "VALIDATION_ERROR"),
        ({"type": "reset", "data": {"task_id": "train/0"}}, "VALIDATION_ERROR"),
        ({"type": "reset", "data": {"task": "train/99"}}, "VALIDATION_ERROR"),
        ({"type": "reset", "data": {"episode_id": "x" * 256}}, "VALIDATION_ERROR"),
    ],
    ids=str,
)
def test_mistakes_change_nothing(url: str, message: Any, code: str) -> None:
    with connect(f"{url}/ws") as connection:
        say(connection, RESET)
        error = say(connection, message)
        assert error["type"] == "error"
        assert error["data"]["code"] == code
        assert error["data"]["message"]
        assert ("errors" in error["data"]) is (code == "VALIDATION_ERROR")
        assert "1 of 4" in say(connection, RIGHT)["data"]["observation"]["text"]


def test_connections_are_sessions_that_end_with_them(url: str) -> None:
    api = Api(url.replace("ws", "http"))
    with connect(f"{url}/ws") as one, connect(f"{url}/ws") as two, connect(f"{url}/envs/Walk-v0/ws") as other:
        for connection in (one, two):
            say(connection, RESET)
        assert "1 of 4" in say(one, RIGHT)["data"]["observation"]["text"]
        assert "2 of 4" in say(one, RIGHT)["data"]["observation"]["text"]
        assert "1 of 4" in say(two, RIGHT)["data"]["observation"]["text"]
        say(other, {"type": "reset"})
        moved = say(other, {"type": "step", "data": {"action": [4, 0.0]}})["data"]
        assert (moved["observation"]["observation"]["at"], moved["reward"]) == (["inf", "-inf"], 0.25)
        assert len(api("GET", "/v1/sessions").body["sessions"]) == 3
        with connect(f"{url}/ws") as full:
            error = json.loads(full.recv(timeout=30))["data"]
            assert (error["code"], error["active_sessions"], error["max_sessions"]) == ("CAPACITY_REACHED", 3, 3)
            with pytest.raises(ConnectionClosed):
                full.recv(timeout=30)
    while api("GET", "/v1/sessions").body["sessions"]:
        pass


@pytest.mark.parametrize("action", ["bug", "infra"])
def test_a_failing_environment_ends_the_connection_after_saying_so(url: str, action: str) -> None:
    with connect(f"{url}/envs/Faulty-v0/ws") as connection:
        say(connection, {"type": "reset"})
        error = say(connection, {"type": "step", "data": {"command": action}})["data"]
        assert error["code"] == "EXECUTION_ERROR"
        with pytest.raises(ConnectionClosed):
            connection.recv(timeout=30)


@pytest.mark.parametrize("place", ["ws", "envs/Faulty-v0/ws"], ids=["at once", "in a thread"])
def test_what_is_sent_at_once_is_answered_in_order(url: str, place: str) -> None:
    with connect(f"{url}/{place}") as connection:
        connection.send('{"type": "reset"}')
        for _ in range(25):  # more than the server reads ahead
            connection.send(json.dumps(RIGHT))
            connection.send('{"type": "state"}')
        said = [json.loads(connection.recv(timeout=30)) for _ in range(51)]
        assert [m["data"]["step_count"] for m in said if m["type"] == "state"][:4] == [1, 2, 3, 4]
        if "Faulty" in place:
            texts = [m["data"]["observation"]["text"] for m in said if m["type"] == "observation"]
            assert texts == ["ready", *(f"right ({i})" for i in range(1, 26))]


def test_fragments_binary_large_and_pings(url: str) -> None:
    with connect(f"{url}/ws", max_size=None) as connection:
        say(connection, RESET)
        whole = json.dumps(RIGHT)
        assert "1 of 4" in say(connection, [whole[:5], whole[5:9], whole[9:]])["data"]["observation"]["text"]
        assert connection.ping().wait(30)
        assert "2 of 4" in say(connection, whole.encode())["data"]["observation"]["text"]
        for size in (100, 126, 65_535, 65_536, 2**20):
            answer = say(connection, {"type": "step", "data": {"command": "x" * size}})["data"]
            assert answer["outcome"]["status"] == "invalid_action"
    with connect(f"{url}/ws") as connection, pytest.raises(ConnectionClosed, match="1009"):
        say(connection, "x" * (2**24 + 1))


def test_frames_cut_anywhere(url: str) -> None:
    host, port = url.removeprefix("ws://").split(":")
    request = f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    request += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    frames = b"".join(frame(json.dumps(m).encode()) for m in (RESET, RIGHT, RIGHT, {"type": "state"}))
    for cut in range(1, len(frames), 7):
        with socket.create_connection((host, int(port))) as raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.sendall(request.encode())
            said = b""
            while b"\r\n\r\n" not in said:
                said += raw.recv(4096)
            raw.sendall(frames[:cut])
            raw.sendall(frames[cut:])
            while b"step_count" not in said:
                part = raw.recv(4096)
                assert part, said
                said += part
            assert b'"step_count":2' in said


def frame(payload: bytes) -> bytes:
    mask = os.urandom(4)
    masked = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
    return bytes((0x81, 0x80 | len(payload))) + mask + masked


def test_wrong_places(url: str) -> None:
    for path in ("/envs/Nope-v0/ws", "/nope", "/ws/"):
        with pytest.raises(InvalidStatus) as refused, connect(f"{url}{path}"):
            pass
        assert refused.value.response.status_code == 404


def test_tools_in_a_frame_play_the_connection_s_session(url: str) -> None:
    with connect(f"{url}/ws") as connection:

        def rpc(method: str, **params: Any) -> Any:
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            answer = say(connection, {"type": "mcp", "data": request})
            assert answer["type"] == "mcp"
            return answer["data"]

        assert [t["name"] for t in rpc("tools/list")["result"]["tools"]] == ["reset", "step"]
        rpc("tools/call", name="reset", arguments={"task": "train/0"})
        moved = rpc("tools/call", name="step", arguments={"command": "right"})["result"]
        assert moved["content"] == [{"type": "text", "text": "You are at 1 of 4."}]
        assert "2 of 4" in say(connection, RIGHT)["data"]["observation"]["text"]
        assert rpc("openenv/session/close", session_id="x")["error"]["code"] == -32600


def test_a_frame_that_begins_like_another_one_inside(url: str) -> None:
    """A frame cut after its first two bytes, whose rest looks like a whole frame by itself."""
    payload = b'{"type": "state"}'
    inner = len(payload) + 4 - 6  # of the rest, read as a frame: its head and mask are six bytes
    mask = bytes((0x81, 0x80 | inner, 7, 9))
    masked = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
    host, port = url.removeprefix("ws://").split(":")
    with connect(f"{url}/ws") as connection:
        raw = connection.socket
        raw.sendall(bytes((0x81, 0x80 | len(payload))))
        Api(f"http://{host}:{port}")("GET", "/health")  # by its answer the server has read the two bytes
        raw.sendall(mask + masked)
        assert json.loads(connection.recv(timeout=20))["type"] == "state"
