"""A model behind an OpenAI-compatible endpoint repairs repositories: graded episodes that can be looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import require

for component in ("openai", "fastapi", "uvicorn", "jinja2", "tokenizers"):
    require(component)

from typer.testing import CliRunner

from agentrl.cli.app import app
from agentrl.records import read_groups
from tests.envs.swe.places import INSTANCES, kept, need
from tests.fixtures.chat_server import KEY, Asked, RefusalError, chat_server

USAGE = {"prompt_tokens": 10, "completion_tokens": 5}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    need("process")
    with kept(tmp_path_factory.mktemp("rollout")) as path:
        yield path


def mends_the_sum(asked: Asked) -> str:
    """Thinks, looks, mends `sum` and no other task, and submits."""
    said = [message.text for message in asked.messages]
    if len(said) == 1:
        return "<think>Where is it?</think>I look for it.\n```bash\ngrep -n -- -= tally/counting.py\n```"
    if len(said) == 3 and "result -= number" in said[-1]:
        return "```\nsed -i s/-=/+=/ tally/counting.py\n```"
    return "submit"


def rollout(file: Path, url: str, *arguments: str) -> str:
    options = ["--with", f"file={file}", "--with", "sandbox=process", "--engine", url, "--model", "judge-1"]
    done = CliRunner().invoke(app, ["rollout", "SWE-v0", *options, "--api-key", KEY, *arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_episodes_are_graded_and_can_be_looked_at(file: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "episodes.jsonl", tmp_path / "page.html"
    with chat_server(mends_the_sum) as server:
        server.usage = USAGE
        said = []
        for split in ("train", "valid", "test"):
            where = ["--out", str(out), "--page", str(page)] if split == "train" else []
            said.append(json.loads(rollout(file, server.url, "-n", "1", "--split", split, "--json", *where)))
    assert sum(result["solved"] for result in said) == 1  # of three tasks one
    ((group, _),) = read_groups(out)
    assert group.task.task_id in {instance.instance_id for instance in INSTANCES.values()}
    turns = [group.turns[i] for i in group.rollouts()[0]]
    assert turns[0].action.startswith("I look for it.")  # what was thought is no part of it
    assert "[exit" in turns[0].feedback
    assert turns[-1].rewards["outcome"] in (0.1, 1.0)
    text = page.read_text()
    assert group.task.task_id in text
    assert "grep -n -- -= tally/counting.py" in text
    assert "outcome" in text


def test_several_episodes_at_once_come_in_the_order_of_their_tasks(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "episodes.jsonl"
    with chat_server(lambda asked: "submit") as server:
        server.usage = USAGE
        server.latency_s = 0.05
        rollout(file, server.url, "-n", "6", "--jobs", "3", "--out", str(out))
        assert server.most > 1
    assert len(list(read_groups(out))) == 6


def test_what_the_server_refuses_is_said(file: Path) -> None:
    with chat_server(mends_the_sum) as server:
        where = ["rollout", "SWE-v0", "--with", f"file={file}", "--with", "sandbox=process", "--engine", server.url]
        done = CliRunner().invoke(app, [*where, "--model", "other", "--api-key", KEY, "-n", "1"])
        assert "correct url, model or api_key" in str(done.exception or done.output)
        done = CliRunner().invoke(app, where)
        assert "--engine and --model together" in str(done.exception or done.output)


def test_an_episode_that_the_server_leaves_keeps_its_turns_and_the_others_go_on(file: Path, tmp_path: Path) -> None:
    def fails_in_the_second_turn_of_two(asked: Asked) -> str:
        if len(asked.messages) == 1:
            return "pwd" if asked.seed in (0, 2) else "submit"
        raise RefusalError(400)

    out = tmp_path / "episodes.jsonl"
    with chat_server(fails_in_the_second_turn_of_two) as server:
        server.usage = USAGE
        said = json.loads(rollout(file, server.url, "-n", "4", "--jobs", "2", "--out", str(out), "--json"))
    assert (said["episodes"], said["lost"]) == (2, 2)
    played = [group.turns for group, _ in read_groups(out)]
    assert [[turn.outcome.status for turn in turns] for turns in played] == [
        ["running", "infra_error"],
        ["terminated"],
        ["running", "infra_error"],
        ["terminated"],
    ]
    assert (played[0][0].action, played[0][1].action) == ("pwd", "")
    assert played[0][1].observation == played[0][0].feedback == "/workspace/repo\n[exit 0]"
    assert "judge-1 at http" in played[0][1].outcome.reason


def test_where_all_episodes_are_lost_that_is_an_error(file: Path, tmp_path: Path) -> None:
    def refuses(asked: Asked) -> str:
        raise RefusalError(400)

    where = ["rollout", "SWE-v0", "--with", f"file={file}", "--with", "sandbox=process", "--model", "judge-1"]
    with chat_server(refuses) as server:
        more = ["--engine", server.url, "--api-key", KEY, "-n", "2", "--page", str(tmp_path / "page.html")]
        done = CliRunner().invoke(app, [*where, *more])
    assert "all 2 episodes were lost to infrastructure errors; the first: judge-1" in str(done.exception)
    assert (tmp_path / "page.html").exists()
