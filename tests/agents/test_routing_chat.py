"""Executors on OpenAI-compatible servers, asked over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentrl.config import Config, Price
from agentrl.errors import ConfigError
from tests.conftest import require

for component in ("openai", "fastapi", "uvicorn", "transformers"):
    require(component)

from agentrl.agents.judges.chat import Chat, ChatOptions
from agentrl.agents.routing.chat_executor import MESSAGE_TOKENS, ChatExecutor
from tests.agents.routed import LARGE, executor, steps, vault
from tests.fixtures.chat_server import KEY, ChatServer, chat_server

USAGE = {"prompt_tokens": 30, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 10}}


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server(lambda asked: f"<think>hm</think> wait {asked.seed}") as served:
        served.usage = USAGE
        yield served


@pytest.fixture
def chat(server: ChatServer, tmp_path: Path) -> Iterator[ChatExecutor]:
    options = ChatOptions(server.url, "judge-1", KEY, max_tokens=8, retries=0, cache=tmp_path / "answers.sqlite")
    made = Chat(options)
    yield ChatExecutor("small", made, "Act.", Price(input=1.0, cached=0.5, output=4.0))
    made.close()


def test_a_server_acts_beside_a_policy_in_this_process(server: ChatServer, chat: ChatExecutor) -> None:
    env = vault([chat, executor("large", lambda seed: "turn", LARGE)])
    found = asyncio.run(steps(env, ["small", "large", "small"]))
    (_, small), (_, large), (text, _) = found[1:]
    assert small["cost"]["money"] == pytest.approx((20 * 1.0 + 10 * 0.5 + 3 * 4.0) / 1e6)
    assert large["cost"]["money"] > small["cost"]["money"]
    assert text.startswith("small> wait ")
    first, second = server.asked
    assert [m.role for m in first.messages] == ["system", "user"]
    assert [m.content for m in second.messages][1:] == [
        "You stand before vault/0.",
        found[1][0].removeprefix("small> ").partition("\n")[0],
        "Nothing happens.",
        "turn",
        "Click 1.",
    ]
    assert first.seed != second.seed
    again = asyncio.run(steps(env, ["small", "large", "small"]))
    assert [text for text, _ in again] == [text for text, _ in found]
    assert len(server.asked) == 2  # a replay is read from disk


def test_a_budget_counts_with_the_worst(server: ChatServer, chat: ChatExecutor) -> None:
    bound = len("Act.") + len("You stand before vault/0.") + 3 * MESSAGE_TOKENS
    worst = (bound * 1.0 + 8 * 4.0) / 1e6
    assert chat.begin("You stand before vault/0.").worst() == pytest.approx(worst)
    (_, info) = asyncio.run(steps(vault([chat], worst * 0.99), ["small"]))[1]
    assert info["outcome"].reason == "budget"
    assert server.asked == []
    (_, info) = asyncio.run(steps(vault([chat], worst * 1.01), ["small"]))[1]
    assert info["actor"] == "small"


@pytest.mark.parametrize("usage", [None, {**USAGE, "prompt_tokens": 5000}, {**USAGE, "completion_tokens": 9}])
def test_servers_that_count_oddly_are_refused(server: ChatServer, chat: ChatExecutor, usage: Any) -> None:
    server.usage = usage
    with pytest.raises(ConfigError, match=r"does not tell|counts"):
        asyncio.run(steps(vault([chat]), ["small"]))


def test_the_key_is_not_written(tmp_path: Path) -> None:
    executors = {
        "small": {"url": "http://h/v1", "model": "m", "api_key": "secret", "price": {"input": 1}},
        "large": {"path": "p", "price": {"input": 2}},
    }
    config = Config.model_validate({"routing": {"executors": executors}})
    (tmp_path / "config.toml").write_text(config.toml())
    assert "secret" not in config.toml()
    read = Config.load(tmp_path / "config.toml").routing.executors
    assert list(read) == ["small", "large"]
    assert read["small"].price.cached == 1
