"""The environment contract of agentrl.envs.base, on the toy corridor."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import gymnasium as gym
import pytest
from gymnasium.wrappers import RecordEpisodeStatistics
from hypothesis import given
from hypothesis import strategies as st

import agentrl
from agentrl.envs import Episode, Unicode
from agentrl.envs.catalog import entries
from agentrl.envs.spaces import MAX_LENGTH
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.registry import ENVIRONMENTS
from agentrl.types import Outcome


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "fixtures")
    return importlib.import_module("toy_envs")


@pytest.fixture
def env(toys: ModuleType) -> Iterator[Episode]:
    env = gym.make("Corridor-v0")
    assert isinstance(env, Episode)
    yield env
    env.close()


def test_reset_plays_the_task_that_was_asked_for(env: Episode) -> None:
    text, info = env.reset(options={"task": "test/3"})
    assert text == "You are at 0 of 7."
    assert info == {"task_id": "test/3", "outcome": Outcome.running(), "rewards": {}}


def test_reset_draws_tasks_from_its_seed_alone(env: Episode) -> None:
    def draws(seed: int) -> list[str]:
        return [env.reset(seed=seed if i == 0 else None)[1]["task_id"] for i in range(20)]

    assert draws(1) == draws(1) != draws(2)
    assert {task.partition("/")[0] for task in draws(1)} == {"train"}
    assert len(set(draws(1))) > 3


def test_reset_draws_from_the_split_of_the_environment(toys: ModuleType) -> None:
    env = gym.make("Corridor-v0", split="test")
    assert env.reset(seed=0)[1]["task_id"].startswith("test/")


def test_wrong_names_are_refused_with_the_nearest(env: Episode) -> None:
    with pytest.raises(UnknownNameError, match="unknown reset option 'tsak'; did you mean 'task'"):
        env.reset(options={"tsak": "train/0"})
    with pytest.raises(UnknownNameError, match="unknown task 'train/99'"):
        env.reset(options={"task": "train/99"})
    with pytest.raises(UnknownNameError, match="unknown split 'tset'; did you mean 'test'"):
        gym.make("Corridor-v0", split="tset")


def test_step_needs_a_reset_and_a_string(env: Episode) -> None:
    with pytest.raises(gym.error.ResetNeeded):
        env.core.step("right")
    env.reset(options={"task": "train/0"})
    with pytest.raises(TypeError, match="an action is a str, not int"):
        env.step(1)  # type: ignore[arg-type]
    for _ in range(4):
        answer = env.step("right")
    assert answer[:4] == ("The end.", 1.0, True, False)
    assert answer[4]["outcome"].solved
    with pytest.raises(gym.error.ResetNeeded):
        env.step("right")


def test_the_time_limit_gives_a_typed_truncation(toys: ModuleType) -> None:
    env = gym.make("Corridor-v0", max_episode_steps=2)
    env.reset(options={"task": "train/0"})
    assert env.step("right")[4]["outcome"] == Outcome.running()
    _, reward, terminated, truncated, info = env.step("left")
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info["outcome"] == Outcome.truncated("max_episode_steps")


def test_winning_at_the_last_step_stays_a_success(toys: ModuleType) -> None:
    env = gym.make("Corridor-v0", max_episode_steps=4)
    env.reset(options={"task": "train/0"})
    for _ in range(4):
        _, _, terminated, _, info = env.step("right")
    assert terminated
    assert info["outcome"] == Outcome.terminated(success=True)


def test_a_fork_goes_its_own_way(env: Episode) -> None:
    env.reset(options={"task": "train/0"})
    env.step("right")
    twin = env.fork()
    assert twin.step("right")[0] == "You are at 2 of 4."
    assert env.step("left")[0] == "You are at 1 of 4."
    assert type(twin) is Episode
    assert twin.core is not env.core


def test_a_fork_draws_the_same_tasks_without_disturbing(env: Episode) -> None:
    env.reset(seed=5)
    twin = env.fork()
    theirs = [twin.reset()[1]["task_id"] for _ in range(5)]
    assert [env.reset()[1]["task_id"] for _ in range(5)] == theirs


def test_fork_and_restore_keep_the_steps_that_are_left(toys: ModuleType) -> None:
    env = gym.make("Corridor-v0", max_episode_steps=3)
    assert isinstance(env, Episode)
    env.reset(options={"task": "train/0"})
    env.step("left")
    twin, point = env.fork(), env.snapshot()
    for other in (env, twin):
        assert [other.step("left")[3] for _ in range(2)] == [False, True]
    env.restore(point)
    assert [env.step("left")[3] for _ in range(2)] == [False, True]


def test_a_snapshot_stays_usable_and_travels(toys: ModuleType, env: Episode) -> None:
    env.reset(options={"task": "train/1"})
    env.step("right")
    point = env.snapshot()
    other = gym.make("Corridor-v0", render_mode="ansi")
    assert isinstance(other, Episode)
    other.reset(options={"task": "train/0"})
    for target in (env, other, env):
        target.restore(point)
        assert target.core.task_id == "train/1"
        assert target.step("right")[0] == "You are at 2 of 5."
    assert other.render() == "You are at 2 of 5."


def test_fork_reaches_through_foreign_wrappers(env: Episode) -> None:
    wrapped = Episode(RecordEpisodeStatistics(env))
    wrapped.reset(options={"task": "train/0"})
    twin = wrapped.fork()
    twin.step("right")
    assert wrapped.step("left")[0] == "You are at 0 of 4."


def test_the_demonstrator_is_the_oracle_unless_mistakes_are_wanted(env: Episode) -> None:
    text, _ = env.reset(options={"task": "train/0"})
    expert = env.demonstrator()
    solved = False
    while not solved:
        text, _, solved, _, _ = env.step(expert.act(text))
        assert not expert.last_was_mistake
    with pytest.raises(ConfigError, match="set them to 0"):
        env.demonstrator(mistakes=0.1)


def test_an_environment_knows_nothing_of_its_answers_unless_it_says_so(env: Episode) -> None:
    assert env.reference("train/0") == {}


@given(st.text(max_size=200))
def test_unicode_contains_every_text(text: str) -> None:
    assert text in Unicode()


def test_unicode_refuses_what_is_longer_or_no_text() -> None:
    assert "a" * MAX_LENGTH in Unicode()
    assert "a" * (MAX_LENGTH + 1) not in Unicode()
    assert b"a" not in Unicode()
    assert None not in Unicode()


def test_unicode_samples_are_short_printable_and_seeded() -> None:
    def samples(seed: int) -> list[str]:
        space = Unicode(seed=seed)
        return [space.sample() for _ in range(50)]

    assert samples(0) == samples(0) != samples(1)
    assert all(text.isascii() and text.isprintable() and len(text) <= 64 for text in samples(0))
    assert Unicode() == Unicode() != Unicode(10)
    assert repr(Unicode(10)) == "Unicode(10)"


def test_importing_agentrl_registers_every_environment() -> None:
    for env_id, entry in ENVIRONMENTS.items():
        assert gym.spec(env_id).kwargs["_core"] == entry.entry_point
        assert gym.spec(env_id).max_episode_steps == entry.max_episode_steps


def test_register_passes_arguments_to_the_class(toys: ModuleType) -> None:
    agentrl.register("TestCorridor-v0", "toy_envs:Corridor", split="test")
    env = gym.make("TestCorridor-v0")
    assert isinstance(env, Episode)
    assert env.tasks()[0] == "test/0"
    assert gym.spec("TestCorridor-v0").max_episode_steps is None


def test_the_catalog_lists_every_environment_with_what_it_needs() -> None:
    listed = {entry.env_id: entry for entry in entries()}
    assert listed.keys() == ENVIRONMENTS.keys()
    for entry in listed.values():
        assert entry.family == ENVIRONMENTS[entry.env_id].family in ("text", "swe", "web", "gui")
        assert bool(entry.splits) == entry.installed
        assert entry.needs == ("" if entry.installed else f"pip install 'agentrl[{entry.extra}]'")
        assert entry.to_dict()["splits"] == list(entry.splits)


def test_the_catalog_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for entry in entries():
        assert entry.needs == (f"pip install 'agentrl[{entry.extra}]'" if entry.extra else "")
        assert bool(entry.splits) == (not entry.extra)
