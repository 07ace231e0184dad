"""The client of OpenAI-compatible endpoints: form, cache, concurrency, and what it does about failures."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from agentrl.errors import ConfigError
from tests.conftest import require

for component in ("openai", "fastapi", "uvicorn"):
    require(component)

from agentrl.agents.judges.chat import Chat, ChatError, ChatOptions
from agentrl.agents.judges.meter import Meter
from tests.fixtures.chat_server import KEY, Asked, ChatServer, RefusalError, chat_server


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    words: str
    number: int


GOOD = {"words": "two", "number": 2}


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server(lambda asked: GOOD) as served:
        yield served


@pytest.fixture
def chats(server: ChatServer, tmp_path: Path) -> Iterator[Any]:
    """Makes clients of the server, which share a cache."""
    made: list[Chat] = []

    def make(meter: Meter | None = None, **options: Any) -> Chat:
        defaults = {"url": server.url, "model": "judge-1", "api_key": KEY, "cache": tmp_path / "answers.sqlite"}
        made.append(Chat(ChatOptions(**(defaults | options)), meter))
        return made[-1]

    yield make
    for chat in made:
        chat.close()


def say(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Answer."}, {"role": "user", "content": text}]


def test_an_answer_has_the_form_and_is_asked_for_with_it(server: ChatServer, chats: Any) -> None:
    assert chats().ask_blocking(say("How many?"), Answer) == Answer(words="two", number=2)
    (asked,) = server.asked
    assert (asked.model, asked.temperature, asked.top_p) == ("judge-1", 0.6, 0.8)
    assert asked.question == "How many?"
    assert asked.response_format is not None
    assert asked.response_format.json_schema.schema_ == Answer.model_json_schema()
    assert asked.response_format.json_schema.schema_["additionalProperties"] is False


def test_a_question_is_asked_once_by_all_who_ask_now_and_later(server: ChatServer, chats: Any) -> None:
    numbers = iter(range(100))
    server.answer, server.latency_s = (lambda asked: {"words": asked.question, "number": next(numbers)}), 0.1
    chat = chats()

    async def both() -> list[Answer]:
        return list(await asyncio.gather(*(chat.ask(say(q), Answer) for q in "aabab")))

    answers = asyncio.run(both())
    assert len(server.asked) == 2
    assert [a.words for a in answers] == list("aabab")
    assert len({(a.words, a.number) for a in answers}) == 2
    other = chats()  # as another process would
    assert [other.ask_blocking(say(q), Answer) for q in "aabab"] == answers
    assert (len(server.asked), chat.requests, other.requests) == (2, 2, 0)


def test_all_replies_are_counted_and_what_is_known_already_costs_nothing(server: ChatServer, chats: Any) -> None:
    said = iter(["no JSON", GOOD, GOOD, GOOD])
    server.answer = lambda asked: next(said)
    server.usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}}
    meter = Meter()
    chat = chats(meter)
    for _ in range(2):
        chat.ask_blocking(say("a"), Answer)
    counted = meter.take()
    assert counted.pop("seconds") > 0
    assert counted == {"requests": 2, "prompt_tokens": 18, "completion_tokens": 8, "cached_tokens": 10}
    assert meter.take() == {}
    server.usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": None}
    chat.ask_blocking(say("b"), Answer)
    assert meter.take()["cached_tokens"] == 0
    server.usage = {"prompt_tokens": "many"}
    assert chat.ask_blocking(say("c"), Answer) == Answer(words="two", number=2)
    counted = meter.take()
    assert (counted["requests"], counted["unmetered"], "prompt_tokens" in counted) == (1, 1, False)


def test_whatever_changes_an_answer_changes_the_question(server: ChatServer, chats: Any) -> None:
    class Other(Answer):
        more: str = ""

    chats().ask_blocking(say("a"), Answer)
    chats().ask_blocking(say("a"), Other)
    chats(temperature=0.0).ask_blocking(say("a"), Answer)
    chats(max_tokens=7).ask_blocking(say("a"), Answer)
    chats().ask_blocking([{"role": "user", "content": "a"}], Answer)
    assert len(server.asked) == 5


def test_requests_are_bounded_over_threads_and_event_loops(server: ChatServer, chats: Any) -> None:
    server.latency_s = 0.03
    chat = chats(concurrency=3)

    def many(prefix: str) -> None:
        async def ask() -> None:
            await asyncio.gather(*(chat.ask(say(f"{prefix}{i}"), Answer) for i in range(8)))

        asyncio.run(ask())

    with ThreadPoolExecutor() as pool:
        list(pool.map(many, "ab"))
        list(pool.map(lambda i: chat.ask_blocking(say(f"c{i}"), Answer), range(4)))
    assert len(server.asked) == 20
    assert server.most == 3


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_request_that_failed_is_repeated(server: ChatServer, chats: Any, status: int) -> None:
    def answer(asked: Asked) -> Any:
        if len(server.asked) <= 2:
            raise RefusalError(status)
        return GOOD

    server.answer = answer
    assert chats(retries=2).ask_blocking(say("a"), Answer).number == 2
    assert len(server.asked) == 3


def test_failures_beyond_the_budget_are_typed_and_not_kept(server: ChatServer, chats: Any) -> None:
    def fail(asked: Asked) -> Any:
        raise RefusalError(503)

    server.answer = fail
    chat = chats(retries=1)
    with pytest.raises(ChatError, match=r"judge-1 at http://127.*503"):
        chat.ask_blocking(say("a"), Answer)
    assert len(server.asked) == 2
    server.answer = lambda asked: GOOD
    assert chat.ask_blocking(say("a"), Answer).number == 2


@pytest.mark.parametrize(
    "text",
    [
        "I think it is two.",
        '{"words": "two", "number": 2',
        '{"words": "two"}',
        '{"words": "two", "number": "2"}',
        '{"words": "two", "number": 2, "more": 3}',
        '[{"words": "two", "number": 2}]',
        "null",
        "",
    ],
)
def test_an_answer_of_another_form_is_asked_for_again_and_never_kept(server: ChatServer, chats: Any, text: str) -> None:
    server.answer = lambda asked: text
    with pytest.raises(ChatError, match="3 answers without the form"):
        chats(retries=2).ask_blocking(say("a"), Answer)
    assert len(server.asked) == 3
    server.answer = lambda asked: text if len(server.asked) == 4 else GOOD
    assert chats().ask_blocking(say("a"), Answer).number == 2
    assert len(server.asked) == 5


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"3", b"null", b"{}", b'{"choices": null}', b'{"choices": [{}]}', b'{"choices": [7]}']
    + [b'{"choices": [{"message": %s}]}' % message for message in (b"null", b'"two"', b'{"content": 2}')],
)
def test_a_reply_that_makes_no_sense_is_an_infrastructure_error(server: ChatServer, chats: Any, body: bytes) -> None:
    server.answer = lambda asked: body
    with pytest.raises(ChatError, match=r"judge-1 at http"):
        chats(retries=0).ask_blocking(say("a"), Answer)


@pytest.mark.parametrize("around", ["%s", "```json\n%s\n```", "<think>Is {it} two?</think>\n\n```\n%s\n```"])
def test_a_server_without_schemas_is_asked_without(
    server: ChatServer, chats: Any, around: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.takes_schema = False
    server.answer = lambda asked: around % '{"words": "two", "number": 2}'
    chat = chats()
    assert [chat.ask_blocking(say(q), Answer).number for q in "abc"] == [2, 2, 2]
    assert [asked.response_format is None for asked in server.asked] == [False, True, True, True]
    assert "takes no schema" in caplog.text


def test_a_question_that_is_refused_says_nothing_about_schemas(server: ChatServer, chats: Any) -> None:
    def answer(asked: Asked) -> Any:
        if len(asked.question) > 10:
            raise RefusalError(400)
        return GOOD

    server.answer = answer
    chat = chats()
    with pytest.raises(ChatError, match="400"):
        chat.ask_blocking(say("more than its context holds"), Answer)
    chat.ask_blocking(say("short"), Answer)
    assert server.asked[-1].response_format is not None


def test_a_hanging_server_is_an_infrastructure_error(server: ChatServer, chats: Any) -> None:
    server.answer = lambda asked: 30.0
    with pytest.raises(ChatError, match="APITimeoutError"):
        chats(timeout_s=0.1, retries=1).ask_blocking(say("a"), Answer)
    assert len(server.asked) == 2


def test_no_server_is_an_infrastructure_error(chats: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ChatError, match="APIConnectionError"):
        chats(url=f"http://127.0.0.1:{port}/v1", retries=0).ask_blocking(say("a"), Answer)


@pytest.mark.parametrize("wrong", [{"api_key": "another"}, {"api_key": ""}, {"model": "judge-2"}])
def test_a_wrong_key_or_model_is_a_mistake(server: ChatServer, chats: Any, wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="url, model or api_key"):
        chats(**wrong).ask_blocking(say("a"), Answer)


def test_who_stops_asking_does_not_take_the_answer_from_others(server: ChatServer, chats: Any) -> None:
    server.latency_s = 0.1
    chat = chats()

    async def play() -> Answer:
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()

        def answer(asked: Asked) -> Any:
            loop.call_soon_threadsafe(arrived.set)
            return GOOD

        server.answer = answer
        first, second = (asyncio.create_task(chat.ask(say("a"), Answer)) for _ in range(2))
        await arrived.wait()
        first.cancel()
        return await second

    assert asyncio.run(play()).number == 2
    assert len(server.asked) == 1


def test_closing_ends_what_is_in_flight(server: ChatServer, tmp_path: Path) -> None:
    chat = Chat(ChatOptions(server.url, "judge-1", KEY, cache=tmp_path / "answers.sqlite"))
    arrived = threading.Event()

    def hang(asked: Asked) -> float:
        arrived.set()
        return 30.0

    server.answer = hang
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(chat.ask_blocking, say("a"), Answer)
        assert arrived.wait(10)
        chat.close()
        with pytest.raises(CancelledError):
            asking.result(10)
