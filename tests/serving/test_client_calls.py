"""When the client repeats a call, and which error an answer is: no network, the generators driven by hand."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import gymnasium as gym
import pytest

from tests.conftest import require

require("httptools")

from agentrl.address import Address, parse_addresses
from agentrl.envs.serving.calls import (
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    BusyError,
    LostError,
    Patience,
    Steps,
    UnsupportedError,
    call,
    pause,
    run,
    run_async,
)
from agentrl.envs.serving.client import Client, NoAnswerError, NoConnectionError, Reply, Request
from agentrl.errors import ConfigError, InfraError, UnknownNameError

CLIENT = Client(Address.parse("http://localhost:1"))


def refused(code: str, status: int, message: str = "what happened", **more: Any) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message, **more}}, None)


class Script:
    """Answers a call as told; remembers what it did."""

    def __init__(self, *replies: Reply | Exception) -> None:
        self.replies = list(replies)
        self.waits: list[float] = []
        self.requests: list[Request] = []

    def play(self, steps: Steps[Any]) -> Any:
        try:
            effect = next(steps)
            while True:
                if isinstance(effect, float):
                    self.waits.append(effect)
                    effect = steps.send(None)
                    continue
                self.requests.append(effect)
                reply = self.replies.pop(0)
                effect = steps.throw(reply) if isinstance(reply, Exception) else steps.send(reply)
        except StopIteration as end:
            assert not self.replies, "it gave up before the end of the script"
            return end.value


def step(retry_s: float = 60.0, **options: Any) -> Steps[Any]:
    route = "/v1/sessions/s-1/step"
    return call(CLIENT, "POST", route, {"action": "x", "request_id": "1"}, patience=Patience(1.0, retry_s), **options)


def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_request() -> None:
    script = Script(NoAnswerError("reset"), NoAnswerError("timeout"), Reply(200, "answer", None))
    assert script.play(step()) == "answer"
    assert script.requests[0] == script.requests[1] == script.requests[2]
    assert FIRST_WAIT_S / 2 <= script.waits[0] <= FIRST_WAIT_S <= script.waits[1] * 2 <= FIRST_WAIT_S * 4


def test_what_cannot_be_repeated_is_not() -> None:
    with pytest.raises(LostError, match="after 1 attempts"):
        Script(NoAnswerError("reset")).play(step(repeatable=False))


def test_nobody_listening_is_an_error_at_once_that_says_what_to_do() -> None:
    with pytest.raises(LostError, match="start a server with: agentrl serve") as caught:
        Script(NoConnectionError("nobody answers at http://localhost:1")).play(step())
    assert caught.value.refused
    assert isinstance(caught.value, InfraError)


def test_a_full_or_draining_server_is_asked_again_when_it_says() -> None:
    full = Reply(429, {"error": {"code": "over_capacity", "message": "full"}}, 7.0)
    draining = Reply(503, {"error": {"code": "draining", "message": "bye"}}, None)
    script = Script(full, draining, Reply(201, {}, None))
    assert script.play(step()) == {}
    assert script.waits[0] == 7.0
    assert script.waits[1] <= 2 * FIRST_WAIT_S


def test_patience_ends() -> None:
    full = Reply(429, {"error": {"code": "over_capacity", "message": "full"}}, 7.0)
    with pytest.raises(BusyError, match="full") as caught:
        Script(full).play(step(retry_s=5.0))
    assert caught.value.wait_s == 7.0
    with pytest.raises(LostError, match="timeout, after 1 attempts"):
        Script(NoAnswerError("timeout")).play(step(retry_s=0.0))


def test_our_own_call_still_running_is_waited_for_and_anothers_is_not() -> None:
    busy = refused("session_busy", 409)
    assert Script(NoAnswerError("timeout"), busy, busy, Reply(200, 1, None)).play(step()) == 1
    with pytest.raises(ConfigError, match="what happened"):
        Script(busy).play(step())


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refused("unauthorized", 401), ConfigError),
        (refused("not_found", 404), LostError),
        (refused("session_lost", 410), LostError),
        (refused("infra_error", 502), LostError),
        (Reply(502, "<html>bad gateway</html>", None), LostError),
        (refused("no_episode", 409), gym.error.ResetNeeded),
        (refused("request_id_reused", 409), InfraError),
        (refused("too_large", 413), ConfigError),
        (refused("invalid", 422), ConfigError),
        (refused("unsupported", 501), UnsupportedError),
        (Reply(200 + 105, None, None), InfraError),
    ],
)
def test_every_refusal_is_a_typed_error_at_once(reply: Reply, kind: type[Exception]) -> None:
    script = Script(reply)
    with pytest.raises(kind) as caught:
        script.play(step())
    assert len(script.requests) == 1
    assert isinstance(caught.value, kind)
    assert "http://localhost:1" in str(caught.value)


def test_a_fault_of_the_server_names_its_log() -> None:
    with pytest.raises(InfraError, match=r"oops \(error 5f3 of its log\)") as caught:
        Script(refused("internal", 500, "oops", id="5f3")).play(step())
    assert not isinstance(caught.value, LostError), "playing on elsewhere would meet the same fault"


def test_an_unknown_name_is_what_it_was_on_the_server() -> None:
    original = UnknownNameError("task", "train/99", ["train/1", "train/9"])
    with pytest.raises(UnknownNameError, match="did you mean 'train/9'") as caught:
        Script(refused("invalid", 422, str(original), unknown={"kind": "task", "name": "train/99"})).play(step())
    assert (caught.value.kind, caught.value.name) == ("task", "train/99")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.name) == (UnknownNameError, str(caught.value), "train/99")


def test_a_missing_environment_is_no_lost_session() -> None:
    with pytest.raises(ConfigError, match="no environment"):
        Script(refused("not_found", 404, "no environment X-v0")).play(
            call(CLIENT, "POST", "/v1/sessions", {}, patience=Patience())
        )


def test_pauses_double_up_to_a_limit_and_differ() -> None:
    for attempt in (0, 1, 5, 10_000):
        pauses = {pause(attempt) for _ in range(50)}
        top = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(attempt, 20))
        assert len(pauses) > 1
        assert top / 2 <= min(pauses) <= max(pauses) <= top


def test_both_forms_carry_out_the_same_steps() -> None:
    class Two:
        def __init__(self) -> None:
            self.left = [NoAnswerError("lost"), Reply(200, "yes", None)]

        def send(self, request: Request) -> Reply:
            reply = self.left.pop(0)
            if isinstance(reply, Exception):
                raise reply
            return reply

        async def send_async(self, request: Request) -> Reply:
            return self.send(request)

    def steps(client: Any) -> Steps[Any]:
        return call(client, "GET", "/x", patience=Patience(1.0, 1.0))

    assert run(steps(Two())) == "yes"
    assert asyncio.run(run_async(steps(Two()))) == "yes"


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://host", "http://host:80"),
        ("http://host:8000/", "http://host:8000"),
        ("https://host/envs/a", "https://host:443/envs/a"),
        ("http://[::1]:9", "http://[::1]:9"),
        ("unix:/tmp/a.sock", "unix:/tmp/a.sock"),
    ],
)
def test_addresses(url: str, read: str) -> None:
    assert str(Address.parse(url)) == read
    assert Address.parse(read) == Address.parse(url)


@pytest.mark.parametrize("url", ["", "host:80", "ftp://host", "http://", "http://host:x", "unix:a.sock", "http://h?q"])
def test_what_is_no_address_is_refused_with_examples(url: str) -> None:
    with pytest.raises(ConfigError, match=r"http://host:8000"):
        Address.parse(url)


def test_a_password_does_not_belong_into_an_address() -> None:
    with pytest.raises(ConfigError, match="token") as caught:
        Address.parse("http://me:secret@host")
    assert "secret" not in str(caught.value)


def test_several_servers() -> None:
    both = parse_addresses("http://a:1, unix:/b")
    assert both == parse_addresses(["http://a:1", "unix:/b"])
    assert [str(address) for address in both] == ["http://a:1", "unix:/b"]
    with pytest.raises(ConfigError):
        parse_addresses([])
