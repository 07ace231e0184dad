"""Progress and the privileged oracle, on generated games."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.text.alfworld.engine import Engine
from agentrl.envs.text.alfworld.game import Game, Goal
from agentrl.envs.text.alfworld.oracle import NoPlanError
from agentrl.envs.text.alfworld.splits import load_task
from tests.conftest import require

require("alfworld")


@given(task=st.integers(0, 401), seed=st.integers(0, 2**32), steps=st.integers(0, 40))
def test_the_oracle_wins_from_any_state(task: int, seed: int, steps: int) -> None:
    engine, chance = Engine(load_task(f"test_unseen/{task}")), random.Random(seed)
    state = engine.start()
    for _ in range(steps):
        verb = chance.choice(sorted({command.split()[0] for command in engine.commands(state)}))
        engine.step(state, chance.choice([c for c in engine.commands(state) if c.startswith(verb)]))
    before = state.copy()
    plan = engine.plan(state)
    assert engine.commands(state) == engine.commands(before)  # planning changes nothing
    for command in plan:
        assert engine.share(state) < 1
        assert engine.step(state, command) is not None
    assert engine.share(state) == 1


@pytest.mark.parametrize("task", range(6))
def test_progress_rises_along_the_plan(task: int) -> None:
    engine = Engine(load_task(f"train/{task}"))
    state = engine.start()
    shares = [engine.share(state)]
    for command in engine.plan(state):
        engine.step(state, command)
        shares.append(engine.share(state))
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert 0 < shares[-2] < 1


GOALS = {
    "pick_and_place_simple": ("desktype", [0.5, 1.0]),
    "pick_clean_then_place_in_recep": ("desktype", [1 / 3, 1 / 3]),
    "pick_heat_then_place_in_recep": ("desktype", [1 / 3, 0.0]),
    "pick_two_obj_and_place": ("desktype", [0.25, 0.5]),
}


@pytest.mark.parametrize("task_type", GOALS)
def test_shares(kitchen: Game, task_type: str) -> None:
    receptacle, expected = GOALS[task_type]
    engine = Engine(dataclasses.replace(kitchen, goal=Goal(task_type, "appletype", receptacle)))
    state = engine.start()
    assert engine.share(state) == 0
    engine.step(state, "go to countertop 1")
    engine.step(state, "take apple 2 from countertop 1")
    assert engine.share(state) == pytest.approx(expected[0])
    if task_type == "pick_clean_then_place_in_recep":
        engine.step(state, "clean apple 2 with sinkbasin 1")
        assert engine.share(state) == pytest.approx(2 / 3)
        engine.step(state, "move apple 2 to sinkbasin 1")
    else:
        engine.step(state, "go to desk 1")
        engine.step(state, "move apple 2 to desk 1")
    assert engine.share(state) == pytest.approx(expected[1])


def test_no_plan_with_a_hand_that_cannot_be_emptied(kitchen: Game) -> None:
    game = dataclasses.replace(
        kitchen, can_contain=frozenset((r, o) for r, o in kitchen.can_contain if o != "booktype")
    )
    engine = Engine(game)
    state = engine.start()
    engine.step(state, "go to desk 1")
    engine.step(state, "take book 1 from desk 1")
    with pytest.raises(NoPlanError, match="kitchen"):
        engine.plan(state)
