"""Splits: sizes, ids, and that what is held out is held out."""

from __future__ import annotations

from collections import Counter

import gymnasium as gym
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agentrl  # noqa: F401 - registers the ids
from agentrl.envs.text.alfworld.game import TASK_TYPES, Game
from agentrl.envs.text.alfworld.scenes import UNSEEN_SCENES
from agentrl.envs.text.alfworld.splits import SIZES, load_task, task_ids
from agentrl.errors import UnknownNameError
from tests.conftest import require

require("alfworld")


def content(game: Game) -> tuple[object, ...]:
    """What a player can tell a game by: coordinates do not count."""
    return game.scene, game.objective, tuple(sorted((o.type, o.receptacle or "") for o in game.objects))


def test_sizes() -> None:
    assert {split: len(task_ids(split)) for split in SIZES} == SIZES
    assert SIZES == {"train": 2**31 - 1, "valid_seen": 140, "valid_unseen": 134, "test_unseen": 402}


def test_unseen_scenes_are_held_out() -> None:
    for split in ("valid_unseen", "test_unseen"):
        assert {load_task(task_id).scene for task_id in task_ids(split)} == set(UNSEEN_SCENES)
    seen = [load_task(task_id) for task_id in (*task_ids("valid_seen"), *task_ids("train")[:3000])]
    assert not {game.scene for game in seen} & set(UNSEEN_SCENES)


def test_no_two_games_of_validation_and_test_are_equal() -> None:
    games = [
        load_task(task_id) for split in ("valid_seen", "valid_unseen", "test_unseen") for task_id in task_ids(split)
    ]
    assert len({content(game) for game in games}) == len(games) == 676
    train = {content(load_task(task_id)) for task_id in task_ids("train")[:3000]}
    assert not train & {content(game) for game in games}


def test_all_task_types_in_each() -> None:
    for split in ("valid_seen", "valid_unseen", "test_unseen"):
        counts = Counter(load_task(task_id).goal.task_type for task_id in task_ids(split))
        assert set(counts) == set(TASK_TYPES)
        assert max(counts.values()) - min(counts.values()) <= 1


@settings(deadline=None)  # the first game reads the floor plans
@given(st.integers(0, 2**31 - 2))
def test_any_training_game_loads(index: int) -> None:
    task_id = task_ids("train")[index]
    assert task_id == f"train/{index}"
    assert load_task(task_id).game_id == task_id


def test_ids_are_a_lazy_sequence() -> None:
    ids = task_ids("test_unseen")
    assert list(ids[:3]) == ["test_unseen/0", "test_unseen/1", "test_unseen/2"]
    assert ids[-1] == "test_unseen/401"
    assert len(ids[100:]) == 302
    assert "test_unseen/401" in ids
    assert ids.index("test_unseen/7") == 7
    for other in ("test_unseen/402", "test_unseen/01", "test_unseen/-1", "train/1", "test_unseen/", 3, "test_unseen/²"):
        assert other not in ids
    with pytest.raises(IndexError):
        ids[402]


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("trian/17", "train/17"),
        ("valid_unseen/134", "valid_unseen/133"),
        ("train/x", "train/"),
        ("train/" + "9" * 5000, "train/0"),
        ("", "known:"),
    ],
)
def test_unknown_tasks_name_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=near):
        load_task(wrong)


def test_unknown_splits_name_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="valid_unseen"):
        task_ids("validunseen")


@settings(deadline=None, max_examples=20)
@given(st.sets(st.sampled_from(TASK_TYPES), min_size=1), st.integers(0, 133))
def test_games_of_some_types(task_types: set[str], place: int) -> None:
    every = [i for i in task_ids("valid_unseen") if load_task(i).goal.task_type in task_types]
    some = task_ids("valid_unseen", task_types)
    assert list(some) == every
    assert [i in some for i in task_ids("valid_unseen")] == [i in every for i in task_ids("valid_unseen")]
    assert list(some[place:]) == every[place:]


def test_an_environment_of_some_types() -> None:
    env = gym.make("ALFWorld-v0", task_types=["look_at_obj_in_light"])
    assert {env.reset(seed=seed)[1]["task_type"] for seed in range(4)} == {"look_at_obj_in_light"}
    with pytest.raises(UnknownNameError, match="pick_and_place_simple"):
        gym.make("ALFWorld-v0", task_types=["pick_and_place"])
