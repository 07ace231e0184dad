"""Input that is wrong, huge or malicious: a 4xx that says what to send, and the server goes on."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import require

require("fastapi")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving.api import Api
from tests.serving.conftest import Server


@pytest.fixture(scope="module")
def api(server: Callable[..., Server]) -> Api:
    return Api(server("toy_envs:Corridor-v0", "toy_envs:FragileParser-v0", max_sessions=64).url)


@pytest.fixture
def session(api: Api) -> Iterator[str]:
    place = api.open("Corridor-v0")
    api.reset(place, options={"task": "train/0"})
    yield place
    assert "1 of 4" in api.step(place, "right")["observation"], "something was played"
    api("DELETE", place)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "action"),
        (b"{", "JSON"),
        (b"[]", "array"),
        (b"null", "null"),
        (b"\x00\xff\xfe", "JSON"),
        (b'{"action": "r\xffght"}', "JSON"),
        (b'{"action": NaN}', "JSON"),
        (b'{"actions": "right"}', "actions"),
        (b'{"action": "right", "request_id": 7}', "request_id"),
        (b'{"action": "right", "request_id": "%s"}' % (b"x" * 129), "request_id"),
        (b'{"action": "right", "session": "s-other"}', "s-other"),
        (b'{"action": "right", "call": "reset"}', "call"),
        (b'{"action": {"command": "right"}}', "command"),
        (b'{"action": null}', "None"),
        (b'{"action": 1e999}', "range"),
        (b'{"action": "%s"}' % (b"x" * (2**21 + 1)), "Unicode"),
        (b'{"action": %s1%s}' % (b"[" * 100_000, b"]" * 100_000), "JSON"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_wrong_steps(api: Api, session: str, body: bytes, word: str) -> None:
    answer = api("POST", f"{session}/step", body)
    assert (answer.status, answer.code) == (422, "invalid"), answer
    assert word in answer.message
    assert len(answer.message) < 1000


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": "1"}, "seed"),
        ({"options": 3}, "options"),
        ({"options": {"task": "train/99"}}, "train/99"),
        ({"options": {"level": 1}}, "level"),
        ({"option": {}}, "option"),
    ],
)
def test_wrong_resets(api: Api, session: str, body: dict[str, Any], word: str) -> None:
    answer = api("POST", f"{session}/reset", body)
    assert (answer.status, answer.code) == (422, "invalid"), answer
    assert word in answer.message


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 422, "env_id"),
        ({"env_id": "Corridor-v9"}, 404, "Corridor-v0"),
        ({"env_id": "CartPole-v1"}, 404, "Corridor-v0"),  # registered, but not served
        ({"env_id": "toy_envs:Quiz-v0"}, 404, "Corridor-v0"),  # nothing is imported for a client
        ({"env_id": "Corridor-v0", "kwargs": {"nope": 1}}, 422, "nope"),
        ({"env_id": "Corridor-v0", "kwargs": {"split": "nope"}}, 422, "nope"),
        ({"env_id": "Corridor-v0", "kwargs": {"id": "CartPole-v1"}}, 422, "id"),
        ({"env_id": "Corridor-v0", "kwargs": {"url": "http://127.0.0.1:1"}}, 422, "url"),
        ({"env_id": "Corridor-v0", "kwargs": {"backend": "docker"}}, 422, "backend"),
        ({"env_id": "Corridor-v0", "kwargs": {"_core": "os:system"}}, 422, "_core"),
        ({"env_id": "Corridor-v0", "max_episode_steps": 0}, 422, "max_episode_steps"),
        ({"env_id": "Corridor-v0", "lease_s": 0}, 422, "lease_s"),
        ({"env_id": "Corridor-v0", "lease_s": 1e9}, 422, "lease_s"),
        ({"env_id": "Corridor-v0", "lease": 5}, 422, "lease"),
    ],
)
def test_wrong_sessions(api: Api, body: dict[str, Any], status: int, word: str) -> None:
    before = len(api("GET", "/v1/sessions").body["sessions"])
    answer = api("POST", "/v1/sessions", body)
    assert answer.status == status, answer
    assert word in answer.message
    assert len(api("GET", "/v1/sessions").body["sessions"]) == before


@pytest.mark.parametrize("path", ["s-none", "%00", "..%2f..", "x" * 8000, "%ff", "'; DROP TABLE"])
def test_unknown_sessions(api: Api, path: str) -> None:
    answer = api("POST", f"/v1/sessions/{path.replace(' ', '%20')}/step", {"action": "right"})
    assert (answer.status, answer.code) == (404, "not_found")
    assert len(answer.message) < 10_000


def test_unknown_routes_and_methods(api: Api) -> None:
    assert (api("GET", "/nope").status, api("GET", "/nope").code) == (404, "not_found")
    assert (api("PUT", "/v1/sessions").status, api("PUT", "/v1/sessions").code) == (405, "method_not_allowed")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large(api: Api, session: str, chunked: bool) -> None:
    body = b'{"action": "' + b"x" * 2**24 + b'"}'
    connection = api.connect()
    connection.request("POST", f"{session}/step", iter([body]) if chunked else body)
    answer = connection.getresponse()
    assert (answer.status, b"too_large" in answer.read()) == (413, True)
    connection.close()


def test_an_announced_body_that_is_too_large_is_not_waited_for(api: Api, session: str) -> None:
    connection = api.connect()
    connection.putrequest("POST", f"{session}/step")
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_megabyte_is_an_action(api: Api) -> None:
    session = api.open("Corridor-v0")
    api.reset(session)
    answer = api.step(session, "x" * 2**20)
    assert answer["info"]["outcome"]["status"] == "invalid_action"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40))
def test_any_text_is_an_action(api: Api, action: str) -> None:
    session = api.open("Corridor-v0")
    api.reset(session)
    answer = api.step(session, action)
    assert answer["info"]["outcome"]["status"] == ("running" if action == "right" else "invalid_action")
    assert api("DELETE", session).status == 204


def test_lone_surrogates_arrive_as_they_are(api: Api) -> None:
    session = api.open("FragileParser-v0")  # it fails on them, as it would here
    api.reset(session)
    assert api("POST", f"{session}/step", b'{"action": "\\ud800"}').status == 500


@pytest.mark.parametrize(
    "raw",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"\r\n" * 10_000],
)
def test_what_is_no_http(api: Api, raw: bytes) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    assert api("GET", "/health").status == 200


def test_at_capacity(server: Callable[..., Server]) -> None:
    api = Api(server("toy_envs:Corridor-v0", max_sessions=2).url)
    first, _ = api.open("Corridor-v0"), api.open("Corridor-v0")
    for method, path, body in (
        ("POST", "/v1/sessions", {"env_id": "Corridor-v0"}),
        ("POST", f"{first}/fork", {}),
        ("POST", "/reset", {}),
    ):
        answer = api(method, path, body)
        assert (answer.status, answer.code) == (429, "over_capacity")
        assert int(answer.headers["retry-after"]) > 0
    api("DELETE", first)
    api.open("Corridor-v0")
