"""What is known of answers, asked of a server: trainers get it, observations never hold it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import pytest

from agentrl.envs import Episode
from agentrl.envs.check import check
from agentrl.errors import UnknownNameError
from tests.conftest import require

for component in ("httptools", "uvicorn", "bm25s"):
    require(component)

from agentrl.address import Address
from agentrl.envs.serving.client import Client, Request
from tests.serving.conftest import Server

SMALL: dict[str, Any] = {"world": 7, "articles": 1000}


@pytest.fixture(scope="module")
def url(server: Callable[..., Server]) -> str:
    return server("SearchQA-v0").url


def make(**kwargs: Any) -> Episode:
    env = gym.make("SearchQA-v0", **SMALL, **kwargs)
    assert isinstance(env, Episode)
    return env


def test_a_server_knows_what_is_known_here(url: str) -> None:
    near, far = make(), make(url=url)
    for task in ("train/1hop/5", "test/3hop/2", "valid/4hop/99"):
        assert far.reference(task) == near.reference(task)
        assert far.kind(task) == near.kind(task)
    with pytest.raises(UnknownNameError, match="unknown task 'test/9hop/0'"):
        far.reference("test/9hop/0")
    twin = far.fork()
    assert twin.reference("test/1hop/1") == near.reference("test/1hop/1")


def test_the_whole_contract_holds_on_a_server(url: str) -> None:
    report = check("SearchQA-v0", url=url, **SMALL)
    assert report.passed, str(report)


def test_no_answer_to_a_player_holds_the_reference(url: str) -> None:
    client = Client(Address.parse(url))

    def ask(method: str, route: str, body: Any = None) -> Any:
        return client.send(Request(client, method, route, body, 30.0)).body

    session = ask("POST", "/v1/sessions", {"env_id": "SearchQA-v0", "kwargs": SMALL})
    place = f"/v1/sessions/{session['session']}"
    near = make()
    tasks = [f"test/2hop/{i}" for i in range(50)]
    task = next(t for t in tasks if ", " not in near.reset(options={"task": t})[0].splitlines()[0])  # no comparison
    known = near.reference(task)
    said = [session, ask("GET", place), ask("GET", f"{place}/tasks?split=test")]
    said.append(ask("POST", f"{place}/reset", {"options": {"task": task}}))
    said += [ask("POST", f"{place}/step", {"action": action}) for action in ("nonsense", "search[xyzzy]", "open[zz]")]
    assert said[3]["info"].keys() == {"task_id", "outcome", "rewards"}
    text = json.dumps(said, ensure_ascii=False)
    assert known["answer"] not in text
    assert not any(evidence["fact"] in text for evidence in known["evidence"])
