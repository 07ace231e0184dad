"""Which tasks are trained on next."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.trainers.curriculum import DECAY, FLOOR, Curriculum

IDS = [f"{kind}/{i}" for kind in ("easy", "hard", "mixed") for i in range(10)]
ALIVE, SOLVED, FAILED = [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]

histories = st.lists(st.tuples(st.sampled_from(IDS), st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=3)))


def kind_of(task_id: str) -> str:
    return task_id.partition("/")[0]


def curriculum(*, balance: bool = True, alive: dict[str, float] | None = None) -> Curriculum:
    return Curriculum(IDS, kind_of, balance, alive or {})


def shares(drawer: Curriculum, count: int = 6000) -> dict[str, float]:
    """How often each kind is drawn."""
    drawn = Counter(map(kind_of, drawer.draw(count, np.random.default_rng(0))))
    return {kind: number / count for kind, number in drawn.items()}


def taught(history: list[tuple[str, list[float]]]) -> Curriculum:
    learner = curriculum()
    for task_id, returns in history:
        learner.observe(task_id, returns)
    return learner


@given(histories, st.integers(0, 2**32), st.integers(0, 30))
def test_the_same_state_and_generator_draw_the_same_ids(history, seed, count) -> None:
    learner = taught(history)
    ids = learner.draw(count, np.random.default_rng(seed))
    assert len(ids) == count
    assert set(ids) <= set(IDS)
    assert taught(history).draw(count, np.random.default_rng(seed)) == ids
    resumed = curriculum(alive=dict(learner.alive))  # as a checkpoint keeps it
    assert resumed.draw(count, np.random.default_rng(seed)) == ids


@given(histories)
def test_shares_stay_between_nothing_and_all(history) -> None:
    assert all(0 <= share <= 1 for share in taught(history).alive.values())


def test_a_share_by_hand() -> None:
    learner = taught([("easy/0", SOLVED), ("easy/1", ALIVE), ("hard/0", FAILED), ("hard/0", FAILED)])
    assert learner.alive == pytest.approx({"easy": DECAY * DECAY + (1 - DECAY), "hard": DECAY**2})


def test_kinds_start_equal() -> None:
    assert shares(curriculum()) == pytest.approx({"easy": 1 / 3, "hard": 1 / 3, "mixed": 1 / 3}, abs=0.02)


def test_mastered_and_hopeless_kinds_are_drawn_less_but_not_forgotten() -> None:
    history = [("easy/0", SOLVED), ("hard/0", FAILED), ("mixed/0", ALIVE)] * 100
    rare = FLOOR / (1 + 2 * FLOOR)
    assert shares(taught(history)) == pytest.approx({"easy": rare, "hard": rare, "mixed": 1 - 2 * rare}, abs=0.02)


def test_kinds_are_drawn_in_proportion_to_their_share() -> None:
    drawn = shares(curriculum(alive={"easy": 0.2, "hard": 0.4, "mixed": 0.4}))
    assert drawn == pytest.approx({"easy": 0.2, "hard": 0.4, "mixed": 0.4}, abs=0.02)


def test_a_kind_comes_back_when_its_groups_disagree_again() -> None:
    history = [("easy/0", SOLVED), ("mixed/0", ALIVE)] * 50
    assert shares(taught([*history, *[("easy/0", ALIVE)] * 50]))["easy"] > 2 * shares(taught(history))["easy"]


def test_where_all_are_dead_all_are_drawn_alike() -> None:
    drawn = shares(curriculum(alive=dict.fromkeys(["easy", "hard", "mixed"], 0.0)))
    assert drawn == pytest.approx({"easy": 1 / 3, "hard": 1 / 3, "mixed": 1 / 3}, abs=0.02)


def test_without_balance_every_task_is_drawn_alike() -> None:
    drawn = Curriculum(IDS, kind_of, balance=False, alive={"easy": 0.0}).draw(6000, np.random.default_rng(0))
    assert set(drawn) == set(IDS)
    assert shares(curriculum(balance=False, alive={"easy": 0.0}))["easy"] == pytest.approx(1 / 3, abs=0.02)


def test_a_group_lost_to_infrastructure_errors_says_nothing() -> None:
    learner = curriculum()
    learner.observe("easy/0", [])
    assert learner.alive == {}
