"""`SearchQA-v0` as it is played."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import pytest

from agentrl.envs import Episode
from agentrl.envs.check import check
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome
from tests.conftest import require

require("bm25s")
from agentrl.envs.text.searchqa.scoring import exact_match, word_f1

SMALL: dict[str, Any] = {"world": 7, "articles": 1500}


@pytest.fixture
def env() -> Iterator[Episode]:
    env = gym.make("SearchQA-v0", **SMALL)
    assert isinstance(env, Episode)
    yield env
    env.close()


def play(env: Episode, task: str, actions: list[str]) -> list[tuple[str, dict[str, float], Outcome]]:
    env.reset(options={"task": task})
    return [(text, info["rewards"], info["outcome"]) for text, *_, info in map(env.step, actions)]


@pytest.mark.parametrize("kwargs", [SMALL, {"articles": 1000, "hops": 4, "long": True, "split": "test"}], ids=str)
def test_the_contract_holds(kwargs: dict[str, Any]) -> None:
    report = check("SearchQA-v0", **kwargs)
    assert report.passed, str(report)


@pytest.mark.parametrize(
    ("answer", "f1", "exact"),
    [
        ("Vila Tores", 1, True),
        ("  vila, TORES! ", 1, True),
        ("Tores Vila", 1, False),  # sets of words have no order
        ("Vila Vila Tores", 1, False),  # and no number
        ("Vila", 2 / 3, False),  # precision 1, recall 1/2
        ("it is Vila Tores", 2 / 3, False),  # precision 1/2, recall 1
        ("V. Tores", 1, True),
        ("v tores of Mesa", 2 / 3, False),  # 2 of 4 and 2 of 2, against the alias
        ("Vila-Tores", 1, True),
        ("Mesa", 0, False),
        ("?!", 0, False),
    ],
)
def test_answers_are_scored_by_words(answer: str, f1: float, exact: bool) -> None:
    assert word_f1(answer, ("Vila Tores", "V. Tores")) == pytest.approx(f1)
    assert exact_match(answer, ("Vila Tores", "V. Tores")) is exact


def test_an_episode(env: Episode) -> None:
    task = next(t for t in env.tasks("test") if len({e["title"] for e in env.reference(t)["evidence"]}) == 3)
    known = env.reference(task)
    first, second, third = dict.fromkeys(e["title"] for e in known["evidence"])
    text, info = env.reset(options={"task": task})
    assert text.startswith("Question: ")
    assert text.endswith("?\nTools: search[words], open[title], answer[text]")
    assert info == {"task_id": task, "outcome": Outcome.running(), "rewards": {}}

    found = env.step(f"search[{first}]")[0].splitlines()
    assert len(found) == 3
    assert found[0].startswith(f"{first}: ")
    text, reward, *_, info = env.step(f" open[ {second.upper()} ]\n")
    assert text.startswith(f"{second}: {second.split()[0]}") or second in text
    assert (reward, info["rewards"]) == (0, {"evidence": pytest.approx(1 / 3)})
    assert env.step(f"open[{second}]")[4]["rewards"] == {}, "nothing new"
    text, *_, info = env.step(f"open[{third[:-1]}]")
    assert text.startswith("No such title. Similar: ")
    assert third in text
    assert info["outcome"] == Outcome.running()
    assert list(env.oracle()) == [f"open[{first}]", f"open[{third}]", f"answer[{known['answer']}]"]
    text, reward, terminated, _, info = env.step(f"answer[{known['answer']}, I think]")
    assert (text, terminated, info["outcome"]) == ("Wrong.", True, Outcome.terminated(success=False))
    words = len(known["answer"].split())
    assert info["rewards"] == {"outcome": reward, "exact_match": 0.0}
    assert reward == pytest.approx(2 * words / (2 * words + 2))
    assert list(env.oracle()) == []


@pytest.mark.parametrize("answer", ["answer", "aliases"])
def test_the_answer_and_its_aliases_solve_it(env: Episode, answer: str) -> None:
    task = next(task for task in env.tasks("test") if env.reference(task)["aliases"])
    known = env.reference(task)
    text = known["answer"] if answer == "answer" else known["aliases"][0]
    assert play(env, task, [f"answer[{text}]"]) == [
        ("Correct.", {"outcome": 1.0, "exact_match": 1.0}, Outcome.terminated(success=True))
    ]


@pytest.mark.parametrize(
    "action",
    ["", "search", "search[", "open[]", "answer[ ]", "look[x]", "search x", "I will search[x]", "search[x] ok"],
)
def test_what_is_no_action_is_told_what_is(env: Episode, action: str) -> None:
    (text, rewards, outcome), *_ = play(env, "train/1hop/0", [action])
    assert text == "Use one of search[words], open[title], answer[text]."
    assert (rewards, outcome.status) == ({}, "invalid_action")


def test_what_is_not_there_is_no_mistake(env: Episode) -> None:
    played = play(env, "train/1hop/0", ["search[xyzzy]", "open[qqq]", "search[?]", "open[!]"])
    assert [text for text, *_ in played] == ["Nothing found.", "No such title.", "Nothing found.", "No such title."]
    assert {outcome for *_, outcome in played} == {Outcome.running()}


@pytest.mark.parametrize("action", ["search[" + "a" * 10**6, "open[" + "] " * 10**6, "search[" + "zo " * 10**6 + "]"])
def test_long_actions_are_answered_at_once(env: Episode, action: str) -> None:
    text, *_ = play(env, "train/1hop/0", [action])[0]  # quadratic time would run into the time limit of the test
    assert len(text) < 500


def test_nothing_known_of_the_answer_shows_before_it_is_read(env: Episode) -> None:
    for task in env.tasks("test")[:200]:
        known = env.reference(task)
        text, info = env.reset(options={"task": task})
        assert info.keys() == {"task_id", "outcome", "rewards"}
        if "first, " not in text and "last, " not in text:  # comparisons name both
            assert known["answer"] not in text
        assert not any(e["fact"] in text for e in known["evidence"])
        assert env.step("search[xyzzy]")[4].keys() == info.keys()


def test_references_are_plain_and_complete(env: Episode) -> None:
    known = env.reference("test/4hop/3")
    assert known.keys() == {"answer", "answer_form", "aliases", "entities", "evidence"}
    assert len(known["evidence"]) == 4
    assert [*map(type, known.values())] == [str, str, list, list, list]
    assert set(known["evidence"][0]) == {"title", "fact"}
    with pytest.raises(UnknownNameError, match="unknown task 'test/9hop/0'"):
        env.reference("test/9hop/0")


def test_hops_choose_what_is_listed(env: Episode) -> None:
    for hops, kinds in ((3, {"3hop"}), ((2, 4), {"2hop", "4hop"}), (None, {"1hop", "2hop", "3hop", "4hop"})):
        some = gym.make("SearchQA-v0", **SMALL, hops=hops)
        assert isinstance(some, Episode)
        assert {some.kind(task) for task in some.tasks("train")[:8]} == kinds
        assert some.reset(seed=1)[1]["task_id"].split("/")[1] in kinds
    with pytest.raises(ConfigError, match="hops"):
        gym.make("SearchQA-v0", **SMALL, hops=5)


def test_a_random_player_stays_far_below_the_oracle(env: Episode) -> None:
    env.action_space.seed(0)
    for agent in (lambda: "", env.action_space.sample, lambda: f"answer[{env.action_space.sample()}]"):
        total = 0.0
        for task in env.tasks("test")[:50]:
            env.reset(options={"task": task})
            done = False
            while not done:
                _, reward, terminated, truncated, _ = env.step(agent())
                total, done = total + reward, terminated or truncated
        assert total / 50 < 0.02
