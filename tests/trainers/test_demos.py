"""Demonstrations, as text and as rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.config import EnvConfig
from agentrl.errors import ConfigError
from agentrl.types import Task
from tests.conftest import require

require("torch")
require("transformers")

from agentrl.agents.render import Renderer
from agentrl.trainers.demos import Demonstration, demonstrate, make_env, sft_row
from agentrl.trainers.prepare import make_policy
from agentrl.trainers.scratch import train_tokenizer
from tests.trainers.signs import SIGNS
from tests.trainers.small import small

ALFWORLD = EnvConfig()
HAND_MADE = Demonstration(
    "t", ("a room", "nothing happens", "a key"), ("look", "jump", "take key"), (True, False, False)
)

turns = st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12), st.booleans()), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(train_tokenizer([*HAND_MADE.texts(), "You are in a room 1."], 300), "Play.")


def test_a_row_by_hand(renderer: Renderer) -> None:
    actions = [renderer.action(text) for text in HAND_MADE.actions]
    parts = [
        (renderer.first("a room"), 0.25),
        (actions[0], 0.0),
        (renderer.next(actions[0], "nothing happens"), 0.25),
        (actions[1], 1.0),
        (renderer.next(actions[1], "a key"), 0.25),
        (actions[2], 1.0),
    ]
    row = sft_row(HAND_MADE, renderer, 0.25)
    assert row.ids.tolist() == [i for ids, _ in parts for i in ids]
    expected = [weight for ids, weight in parts for _ in ids]
    assert row.weights.tolist() == [0.0, *expected[1:]]


@given(turns, st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([0.0, 0.7]))
def test_every_action_token_counts_once_and_mistakes_as_asked(
    renderer: Renderer, played: Any, weight: float, mistake: float
) -> None:
    observations, actions, mistakes = (tuple(column) for column in zip(*played, strict=True))
    row = sft_row(Demonstration("t", observations, actions, mistakes), renderer, weight, mistake)
    assert (row.ids.dtype, row.weights.dtype) == (np.int64, np.float32)
    assert len(row.ids) == len(row.weights)
    assert row.weights[0] == 0
    lengths = [len(renderer.action(a)) for a in actions]
    imitated = sum(n for n, wrong in zip(lengths, mistakes, strict=True) if not wrong)
    observed = len(row) - 1 - sum(lengths)
    assert row.weights.sum() == pytest.approx(
        imitated + mistake * (sum(lengths) - imitated) + weight * observed, rel=1e-5
    )
    if weight not in (0.0, 1.0):
        assert int((row.weights == 1).sum()) == imitated


def test_what_is_imitated_reads_as_the_actions(renderer: Renderer) -> None:
    row = sft_row(HAND_MADE, renderer, 0.3)
    ends = np.flatnonzero((row.ids == renderer.end_id) & (row.weights == 1))
    words = np.split(row.ids, ends + 1)[:-1]
    weights = np.split(row.weights, ends + 1)[:-1]
    assert [renderer.parse(w[v == 1].tolist()) for w, v in zip(words, weights, strict=True)] == ["jump", "take key"]


def test_demonstrations_solve_their_tasks() -> None:
    require("alfworld")
    env = make_env(ALFWORLD)
    erred = 0
    for i in range(12):
        shown = demonstrate(env, Task("ALFWorld-v0", f"train/{i}", seed=i), mistakes=0.2)
        if shown is None:
            continue
        erred += sum(shown.mistakes)
        assert not shown.mistakes[-1]
        assert shown.task_id == f"train/{i}"
        assert len(shown.observations) == len(shown.actions) == len(shown.mistakes) <= ALFWORLD.max_turns
        observation, _ = env.reset(options={"task": shown.task_id})
        for before, action in zip(shown.observations, shown.actions, strict=True):
            assert observation == before
            observation, reward, terminated, _, info = env.step(action)
        assert terminated
        assert reward == 1
        assert info["outcome"].solved
    assert erred > 0


def test_a_demonstration_depends_on_its_task_and_seed_alone() -> None:
    require("alfworld")
    env, other = make_env(ALFWORLD), make_env(ALFWORLD)
    tasks = [Task("ALFWorld-v0", f"train/{i}", seed=s) for i in range(4) for s in (1, 2)]
    in_order = [demonstrate(env, task, mistakes=0.3) for task in tasks]
    backwards = [demonstrate(other, task, mistakes=0.3) for task in reversed(tasks)][::-1]
    assert in_order == backwards
    assert in_order[0] != in_order[1]


def test_without_mistakes_none_is_marked() -> None:
    env = make_env(EnvConfig(id=SIGNS))
    shown = demonstrate(env, Task(SIGNS, "train/0"), mistakes=0.0)
    assert shown is not None
    assert shown.mistakes == (False, False, False)
    assert shown.texts() == [*shown.observations, *shown.actions]


def test_what_is_not_solved_in_time_is_no_demonstration() -> None:
    env = make_env(EnvConfig(id=SIGNS, max_turns=2))
    assert demonstrate(env, Task(SIGNS, "train/0"), mistakes=0.0) is None


def test_mistakes_are_refused_where_the_expert_makes_none() -> None:
    with pytest.raises(ConfigError, match="makes no mistakes"):
        demonstrate(make_env(EnvConfig(id=SIGNS)), Task(SIGNS, "train/0"), mistakes=0.1)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (EnvConfig(id="ALFWrld-v0"), "env.id = 'ALFWrld-v0'"),
        (EnvConfig(id="no_such_module:Env-v0"), "no_such_module"),
        (EnvConfig(id="CartPole-v1"), "not registered with agentrl.register"),
        (EnvConfig(id=SIGNS, kwargs={"level": 3}), "level"),
        (EnvConfig(id="not an id"), "not an id"),
    ],
)
def test_environments_that_cannot_be_made_are_a_mistake_of_the_user(config: EnvConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_env(config)


def test_a_new_policy_needs_demonstrations(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"set warm_start\.demonstrations, or model = PATH"):
        make_policy(small(tmp_path), [])
    with pytest.raises(ConfigError, match=r"no config\.json"):
        make_policy(small(tmp_path, {"model": {"path": str(tmp_path)}}), [])
