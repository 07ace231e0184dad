"""Cheating does not pay: every attack is flagged and unresolved, and no honest fix is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentrl.envs.swe import grading
from agentrl.envs.swe.grading import Grade, Grader
from agentrl.envs.swe.rewards import outcome
from agentrl.envs.swe.testbed import Testbed
from agentrl.envs.swe.workshop import workshop
from tests.envs.swe.attacks import CODE_ATTACKS, FILE_ATTACKS, HONEST, INSTANCE, REPOSITORY
from tests.envs.swe.places import need

ATTACKS = {**FILE_ATTACKS, **CODE_ATTACKS}
TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def testbed() -> Iterator[Testbed]:
    need("process")

    async def made() -> Testbed:
        return Testbed(lambda: workshop().acquire("process"))

    testbed = workshop().call(made())
    yield testbed
    workshop().call(testbed.close())


@pytest.fixture(scope="module")
def grader(testbed: Testbed) -> Grader:
    return Grader(testbed)


@pytest.fixture(scope="module")
def blind(testbed: Testbed) -> Grader:
    """For grades that nobody else is to see."""
    return Grader(testbed)


def graded(grader: Grader, diff: str | None) -> Grade:
    return workshop().call(grader.grade(INSTANCE, REPOSITORY, diff, timeout_s=TIMEOUT_S))


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_flagged_and_unresolved(grader: Grader, name: str) -> None:
    attack = ATTACKS[name]
    grade = graded(grader, attack.diff)
    assert not grade.resolved
    assert outcome(grade) == 0.0
    assert {flag.kind for flag in grade.flags} & (attack.kinds or attack.seen or set()), grade


WATCHED = {name: attack for name, attack in CODE_ATTACKS.items() if attack.seen is not None}


@pytest.mark.parametrize("name", WATCHED)
def test_attack_fails_even_if_nobody_reads_it(blind: Grader, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(grading, "screen_code", lambda *_: [])
    grade = graded(blind, WATCHED[name].diff)
    assert not grade.resolved, grade
    if seen := WATCHED[name].seen:
        assert {flag.kind for flag in grade.flags} & seen, grade


@pytest.mark.parametrize("name", HONEST)
def test_honest_fix_is_resolved(grader: Grader, name: str) -> None:
    grade = graded(grader, HONEST[name])
    assert grade.flags == ()
    assert grade.resolved, grade.log
    assert grade.share == outcome(grade) == 1.0
