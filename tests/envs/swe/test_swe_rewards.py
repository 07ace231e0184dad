"""Values worked out by hand, and what holds of all of them."""

from __future__ import annotations

import pytest

from agentrl.envs.swe.grading import Grade
from agentrl.envs.swe.rewards import OUTCOMES, critic, outcome, submit_opinion
from agentrl.envs.swe.screening import Flag
from agentrl.envs.swe.verdict import Verdict
from agentrl.trainers.credit.gra import SWE_GATE

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
