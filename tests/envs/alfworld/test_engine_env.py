"""`ALFWorld-v0` through Gymnasium, in both engines."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from agentrl.envs.text.alfworld.export import export
from agentrl.envs.text.alfworld.loader import find_games
from agentrl.errors import CorruptFileError, UnknownNameError
from tests.conftest import require

require("alfworld")


def make(**options: Any) -> Any:
    return gym.make("ALFWorld-v0", **options)


def test_the_oracle_is_rewarded() -> None:
    env = make(split="valid_unseen")
    for i in range(12):
        text, info = env.reset(options={"task": f"valid_unseen/{i}"})
        assert text.startswith("-= Welcome to TextWorld, ALFRED! =-")
        assert (info["won"], info["score"], info["rewards"], info["outcome"].status) == (False, 0, {}, "running")
        total, progress, terminated = 0.0, 0.0, False
        for command in env.oracle():
            assert not terminated
            assert command in info["admissible_commands"]
            _, reward, terminated, truncated, info = env.step(command)
            total, progress = total + reward, progress + info["rewards"]["progress"]
            assert not truncated
            assert reward == info["rewards"]["outcome"]
        assert terminated
        assert total == 1
        assert progress == pytest.approx(1)
        assert info["outcome"].solved
        assert (info["won"], info["score"]) == (True, 1)


def test_impossible_actions_are_invalid() -> None:
    env = make()
    env.reset(options={"task": "train/0"})
    text, reward, terminated, _, info = env.step("dance")
    assert (text, reward, terminated) == ("Nothing happens.", 0, False)
    assert info["outcome"].status == "invalid_action"
    assert info["rewards"] == {"outcome": 0, "progress": 0}


def test_a_fork_goes_its_own_way() -> None:
    env = make()
    env.reset(options={"task": "train/0"})
    plan = list(env.oracle())
    env.step(plan[0])
    twin, point = env.fork(), env.snapshot()
    results = [env.step(command)[0] for command in plan[1:]]
    assert [twin.step(command)[0] for command in plan[1:]] == results
    env.reset(options={"task": "train/1"})
    env.restore(pickle.loads(pickle.dumps(point)))
    assert [env.step(command)[0] for command in plan[1:]] == results


def test_tasks_and_splits() -> None:
    env = make(split="valid_unseen")
    assert len(env.tasks()) == 134
    assert len(env.tasks("test_unseen")) == 402
    _, info = env.reset(seed=3)
    assert info["task_id"] == env.reset(seed=3)[1]["task_id"]
    assert info["task_id"].startswith("valid_unseen/")
    with pytest.raises(UnknownNameError, match="valid_seen"):
        env.tasks("valid_sen")
    with pytest.raises(UnknownNameError, match="native"):
        make(engine="natve")
    with pytest.raises(UnknownNameError):
        env.reset(options={"task": "valid_unseen/134"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("games")
    export(["train/1", "valid_seen/3"], where)
    return where


def test_games_of_a_folder(folder: Path) -> None:
    env = make(games=folder, split="train")
    (task,) = env.tasks()
    text, _ = env.reset()
    assert text == make().reset(options={"task": "train/1"})[0]
    assert env.tasks("valid_seen") != (task,)
    with pytest.raises(UnknownNameError, match="trial_train_1"):
        env.reset(options={"task": task + "x"})


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    (path,) = export(["train/1"], tmp_path)
    env = make(games=tmp_path)
    first, _ = env.reset()
    path.write_text(path.read_text().replace("Welcome", "Hello"))
    assert env.reset()[0] == first.replace("Welcome", "Hello")


def test_the_original_engine_behind_the_same_interface(folder: Path) -> None:
    require("alfworld.agents.environment.alfred_tw_env")
    (task,) = find_games(folder, "train")
    ours, theirs = make(games=folder), make(games=folder, engine="original")
    assert theirs.unwrapped.blocking
    assert not ours.unwrapped.blocking
    options = {"task": task}
    text, info = theirs.reset(options=options)
    assert (text, info) == ours.reset(options=options)
    for command in ("look", "dance"):
        seen, expected = theirs.step(command), ours.step(command)
        assert seen == expected
    twin = theirs.fork()
    for command in theirs.oracle():
        text, reward, terminated, _, info = theirs.step(command)
    assert (reward, terminated, info["rewards"]) == (1, True, {"outcome": 1, "progress": 1})
    assert twin.step("inventory") == ours.step("inventory")


def test_the_original_engine_says_which_file_it_cannot_load(tmp_path: Path) -> None:
    require("alfworld.agents.environment.alfred_tw_env")
    (path,) = export(["train/3"], tmp_path)
    good = path.read_text()
    env = make(games=path, engine="original")
    for bad in (
        "{",
        "{}",
        good.replace("(:goal", "(:gaol"),
        good.replace("(:init", "(:init)"),
        good.replace("rhs", "r"),
    ):
        path.write_text(bad)
        with pytest.raises(CorruptFileError, match=r"game\.tw-pddl: "):
            env.reset()
