"""A corpus and questions of the user's own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from agentrl.envs import Episode
from agentrl.envs.check import check
from agentrl.errors import ConfigError, CorruptFileError, UnknownNameError
from tests.conftest import require

require("bm25s")

CORPUS = [
    {"title": "Loire", "text": "The Loire is a river in France. It rises in the Cévennes! It is 1,006 km long."},
    {"title": "Cévennes", "text": "The Cévennes are mountains.\nMont Lozère is the highest.", "id": 7},
    {"title": "Rhône", "text": "The Rhône is a river."},
]
QUESTIONS: list[dict[str, Any]] = [
    {
        "question": "What is the highest of the mountains where the Loire rises?",
        "answer": "Mont Lozère",
        "answers": ["Lozère"],
        "evidence": ["loire", {"title": "Cévennes", "fact": "Mont Lozère is the highest."}],
    },
    {"question": "How long is the Loire?", "answers": ["1,006 km", "1006 km"], "split": "train"},
    {"question": "What is the Rhône?", "answer": "a river", "split": "train"},
]


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    corpus, questions = write(tmp_path / "c.jsonl", CORPUS), write(tmp_path / "q.jsonl", QUESTIONS)
    return {"corpus": str(corpus), "questions": str(questions)}


def make(**kwargs: Any) -> Episode:
    env = gym.make("SearchQA-v0", **kwargs)
    assert isinstance(env, Episode)
    return env


def test_they_are_played_like_generated_ones(files: dict[str, str]) -> None:
    env = make(**files)
    assert env.core.splits == ("train", "test")
    assert [*env.tasks("train"), *env.tasks("test")] == ["train/0", "train/1", "test/0"]
    assert [env.kind(task) for task in ("train/0", "test/0")] == ["", "2hop"]
    assert env.reference("test/0") == {
        "answer": "Mont Lozère",
        "answer_form": "answer[{answer}]",
        "aliases": ["Lozère"],
        "entities": [],
        "evidence": [{"title": "Loire", "fact": ""}, {"title": "Cévennes", "fact": "Mont Lozère is the highest."}],
    }
    env.reset(options={"task": "test/0"})
    assert env.step("search[rises in the Cévennes?]")[0].splitlines()[0] == "Loire: It rises in the Cévennes!"
    expert = env.demonstrator()
    actions = [expert.act("") for _ in range(3)]
    assert actions == ["open[Loire]", "open[Cévennes]", "answer[Mont Lozère]"]
    answers = [env.step(action) for action in actions]
    assert answers[1][0] == "Cévennes: The Cévennes are mountains. Mont Lozère is the highest."
    assert [answer[4]["rewards"] for answer in answers] == [
        {"evidence": 0.5},
        {"evidence": 0.5},
        {"outcome": 1.0, "exact_match": 1.0},
    ]
    env.reset(options={"task": "train/0"})
    assert env.step("answer[1006 km]")[4]["outcome"].solved


def test_the_contract_holds(files: dict[str, str]) -> None:
    report = check("SearchQA-v0", **files)
    assert report.passed, str(report)


def test_a_corpus_that_changed_is_read_again(files: dict[str, str]) -> None:
    env = make(**files)
    env.reset(options={"task": "train/1"})
    assert env.step("open[Rhône]")[0] == "Rhône: The Rhône is a river."
    write(Path(files["corpus"]), [*CORPUS[:2], {"title": "Rhône", "text": "It flows."}])
    os.utime(files["corpus"], ns=(1, 1))
    env = make(**files)
    env.reset(options={"task": "train/1"})
    assert env.step("open[Rhône]")[0] == "Rhône: It flows."


@pytest.mark.parametrize(
    ("file", "line", "words"),
    [
        ("corpus", "{", "line 4: Invalid JSON"),
        ("corpus", '{"title": "X"}', "line 4: text: Field required"),
        ("corpus", '{"title": "  ", "text": "x"}', "line 4: title: "),
        ("corpus", '{"title": "loire", "text": "x"}', r"line 4: the title 'loire' is that of .*c\.jsonl, line 1, too"),
        ("questions", '["x"]', "line 4: Input should be an object"),
        ("questions", '{"answer": "x"}', "line 4: question: Field required"),
        ("questions", '{"question": "x"}', "line 4: give an answer, or answers"),
        ("questions", '{"question": "x", "answer": "?"}', "line 4: answer: "),
        ("questions", '{"question": "x", "answer": 5}', "line 4: answer: Input should be a valid string"),
        ("questions", '{"question": "x", "answer": "y", "split": "dev"}', "line 4: split: Input should be 'train'"),
        (
            "questions",
            '{"question": "x", "answer": "y", "evidence": ["Rhone"]}',
            "line 4: evidence: the corpus has no 'Rhone'; did you mean 'Rhône'",
        ),
    ],
)
def test_a_wrong_line_is_named(files: dict[str, str], file: str, line: str, words: str) -> None:
    with Path(files[file]).open("a") as out:
        out.write(line + "\n")
    with pytest.raises(CorruptFileError, match=words):
        make(**files)


@pytest.mark.parametrize("file", ["corpus", "questions"])
def test_files_that_are_missing_empty_or_no_text(files: dict[str, str], file: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere cannot be read: No such file"):
        make(**files | {file: str(tmp_path / "nowhere")})
    (tmp_path / "empty").write_text("\n\n")
    with pytest.raises(CorruptFileError, match=r"empty: no (articles|questions)"):
        make(**files | {file: str(tmp_path / "empty")})
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(CorruptFileError, match="not UTF-8"):
        make(**files | {file: str(tmp_path / "binary")})


def test_what_does_not_fit_together_is_refused(files: dict[str, str]) -> None:
    for alone in ("corpus", "questions"):
        with pytest.raises(ConfigError, match="go together"):
            make(**{alone: files[alone]})
    for option in ({"hops": 2}, {"world": 1}, {"articles": 1000}, {"long": True}):
        with pytest.raises(ConfigError, match="are for generated worlds"):
            make(**files, **option)
    with pytest.raises(UnknownNameError, match="unknown split 'valid'"):
        make(**files, split="valid")
    env = make(**files, split="test")
    for task in ("test/1", "test/x", "valid/0", "test/00", ""):
        with pytest.raises(UnknownNameError, match="unknown task"):
            env.reset(options={"task": task})
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="set them to 0"):
        env.demonstrator(mistakes=0.1)
