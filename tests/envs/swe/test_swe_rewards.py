"""Values worked out by hand, and what holds of all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.swe.grading import Grade
from agentrl.envs.swe.rewards import OUTCOMES, critic, difficulty, outcome, submit_opinion, weighed_tests
from agentrl.envs.swe.screening import Flag
from agentrl.envs.swe.verdict import Verdict
from agentrl.trainers.credit.gra import SWE_GATE, SWE_OUTCOMES

SOLVED, UNSOLVED = Verdict({"f": True}, {"p": True}), Verdict({"f": False}, {"p": True})


def test_outcome_levels_rise_as_the_paper_has_them() -> None:
    grades = [
        Grade(submitted=False, empty=True, applied=False, verdict=UNSOLVED),
        Grade(submitted=True, empty=True, applied=True, verdict=UNSOLVED),
        Grade(submitted=True, empty=False, applied=True, verdict=UNSOLVED),
        Grade(submitted=True, empty=False, applied=True, verdict=SOLVED),
    ]
    assert [outcome(grade) for grade in grades] == [0.0, 0.1, 0.3, 1.0]


def test_the_gate_of_g_ra_lies_between_an_empty_and_a_failing_patch() -> None:
    assert OUTCOMES == SWE_OUTCOMES
    assert OUTCOMES["empty_patch"] < SWE_GATE < OUTCOMES["failing_patch"]


def test_who_cheats_gets_what_who_does_not_submit_gets() -> None:
    cheat = Grade(submitted=True, empty=False, applied=True, verdict=SOLVED, flags=(Flag("runner", "_pytest"),))
    assert (outcome(cheat), cheat.resolved, cheat.share) == (0.0, False, 0.0)


def test_critics_give_a_tenth_to_an_episode_that_does_all_well() -> None:
    assert sum(critic(True, 20) for _ in range(20)) == pytest.approx(0.1)
    assert critic(False, 20) == -0.005
    assert critic(None, 20) == 0.0


@pytest.mark.parametrize(
    ("submits", "last", "empty", "expected"),
    [(True, True, False, True), (True, True, True, False), (False, True, False, False), (False, False, True, None)],
)
def test_submitting(submits: bool, last: bool, empty: bool, expected: bool | None) -> None:
    assert submit_opinion(submits=submits, last=last, empty=empty) is expected


def test_weights_by_hand() -> None:
    # pass rates 0.5, 1, 1: the last two share one place on the line, 5 sigma away from the first
    passed = [[1, 1, 1], [0, 1, 1]]
    near = math.exp(-12.5)
    hard = math.exp(-0.5) / (1 + 2 * near + 1e-6)
    easy = math.exp(-1.0) / (2 + near + 1e-6)
    total = hard + 2 * easy
    assert difficulty(passed) == pytest.approx([hard / total, easy / total, easy / total])
    assert weighed_tests(passed) == pytest.approx([1.0, 2 * easy / total])


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=6), st.permutations(range(3)))
def test_rewards_are_shares_whatever_the_order_of_tests(passed: list[list[bool]], order: list[int]) -> None:
    table = np.array(passed, dtype=float)
    rewards = weighed_tests(table)
    assert rewards == pytest.approx(weighed_tests(table[:, order]))
    assert np.all(rewards >= 0)
    assert np.all(rewards <= 1 + 1e-12)
    assert rewards[table.all(axis=1)] == pytest.approx(1.0)
    assert rewards[~table.any(axis=1)] == pytest.approx(0.0)


def test_a_test_that_fewer_pass_is_worth_more() -> None:
    weights = difficulty([[0, 1], [0, 1], [1, 1]])
    assert weights[0] > weights[1]
