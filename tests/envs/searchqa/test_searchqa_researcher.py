"""The demonstrator: it answers from what it reads."""

from __future__ import annotations

import gymnasium as gym
import pytest

from agentrl.envs import Episode
from agentrl.errors import ConfigError
from tests.conftest import require

require("bm25s")
from agentrl.envs.text.searchqa.researcher import Researcher, parse_question, read_sentence


@pytest.fixture(scope="module")
def env() -> Episode:
    env = gym.make("SearchQA-v0")
    assert isinstance(env, Episode)
    return env


def test_questions_are_taken_apart_from_the_outside() -> None:
    plan = parse_question("Where is the company that took over the company that Zo Ka founded based?")
    ((name, steps),) = plan.chains
    assert (name, [step.name for step in steps], plan.latest) == ("Zo Ka", ["founder of", "successor", "seat"], None)
    plan = parse_question("Which book was published last, The Key of Zo or the sequel to The Key of Ka?")
    assert [(name, [step.name for step in steps]) for name, steps in plan.chains] == [
        ("The Key of Zo", ["publication year"]),
        ("The Key of Ka", ["sequel", "publication year"]),
    ]
    assert plan.latest is True


def test_sentences_are_read_with_their_title() -> None:
    assert read_sentence("Zo Ka", "She founded Mo Mills.") == [
        ("founder", "Mo Mills", "Zo Ka"),
        ("founder of", "Zo Ka", "Mo Mills"),
    ]
    assert read_sentence("Zo Ka", "Zo Ka was born in 1801.") == [("birth year", "Zo Ka", "1801")]
    assert read_sentence("Zo Ka", "He was born in Mo Bay.") == [("birthplace", "Zo Ka", "Mo Bay")]
    assert read_sentence("Zo Ka", "She is often confused with Zu Ka.") == []


def test_a_foreign_question_is_refused() -> None:
    with pytest.raises(ConfigError, match="none of a generated world"):
        Researcher("Question: Why?\nTools: …")


@pytest.mark.parametrize("mistakes", [0.0, 0.15])
@pytest.mark.parametrize("hops", [1, 2, 3, 4])
def test_it_succeeds_in_few_turns(env: Episode, hops: int, mistakes: float) -> None:
    solved = turns = erred = 0
    for i in range(100):
        text, _ = env.reset(options={"task": f"test/{hops}hop/{i}"})
        expert, done = env.demonstrator(seed=i, mistakes=mistakes), False
        while not done:
            text, _, terminated, truncated, info = env.step(expert.act(text))
            turns, erred, done = turns + 1, erred + expert.last_was_mistake, terminated or truncated
        solved += info["outcome"].solved
    assert solved >= 95
    assert turns / 100 <= 1.5 * hops + 2 + 10 * mistakes
    assert erred / turns == pytest.approx(mistakes, abs=0.05)


def test_it_opens_the_evidence_before_it_answers(env: Episode) -> None:
    read = 0.0
    for i in range(100):
        text, _ = env.reset(options={"task": f"test/3hop/{i}"})
        expert, done = env.demonstrator(), False
        while not done:
            text, _, done, _, info = env.step(expert.act(text))
            read += info["rewards"].get("evidence", 0.0)
    assert read / 100 > 0.97
