"""How attempts differ, and what several of them are worth."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.types import Group, Outcome, Task
from tests.conftest import require

require("torch")
require("transformers")

from agentrl.config import EnvConfig
from agentrl.trainers.demos import make_env
from agentrl.trainers.variety import answer_form, distinct, final_answer, pass_at, several
from tests.trainers.trees import turn

SOLVED, FAILED, LOST = Outcome.terminated(success=True), Outcome.terminated(success=False), Outcome.infra_error("gone")
FORM = "answer[{answer}]"


def group_of(*attempts: tuple[str, Outcome]) -> Group:
    """Attempts of two turns: all begin with `look`."""
    group = Group(Task("Test-v0", "test/0"))
    for action, outcome in attempts:
        root = group.add(turn(None, 0.0))
        group.turns[root].action = "look"
        leaf = group.add(turn(root, 0.0, outcome=outcome))
        group.turns[leaf].action = action
    return group


@given(st.lists(st.booleans(), min_size=1, max_size=7), st.data())
def test_pass_at_k_is_the_mean_over_all_choices_of_k_attempts(solved: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(solved)))
    choices = [any(some) for some in itertools.combinations(solved, k)]
    assert pass_at(k, solved) == pytest.approx(sum(choices) / len(choices))


def test_pass_at_k_wants_k_attempts() -> None:
    with pytest.raises(ValueError, match="pass@3 cannot be told from 2 attempts"):
        pass_at(3, [True, False])


def test_final_answers() -> None:
    turns = group_of(("so answer[no] then answer[ 3  + 4 ]", SOLVED)).turns
    assert final_answer(turns, FORM) == "3 + 4"
    assert final_answer(turns, "answer {answer}") == ""
    assert final_answer(turns, "") == "look\nso answer[no] then answer[ 3  + 4 ]"


def test_several_by_hand() -> None:
    groups = [
        group_of(("answer[1]", SOLVED), ("x answer[1]", SOLVED), ("answer[2]", FAILED), ("none", FAILED)),
        group_of(("answer[1]", FAILED), ("answer[2]", FAILED), ("answer[3]", FAILED), ("answer[4]", FAILED)),
        group_of(("answer[1]", SOLVED), ("answer[2]", FAILED), ("answer[3]", LOST), ("answer[4]", LOST)),
    ]
    assert [distinct(group, FORM) for group in groups] == [3, 4, 2]
    assert several(groups, 4, FORM) == {
        "pass@1": pytest.approx((0.5 + 0 + 0.5) / 3),
        "pass@2": pytest.approx((5 / 6 + 0 + 1) / 3),
        "pass@4": 0.5,
        "distinct@4": 3.5,
    }


def test_environments_tell_how_they_want_an_answer() -> None:
    countdown = make_env(EnvConfig(id="Countdown-v0"))
    assert answer_form(countdown, "test/3n/0") == "answer {answer}"
    countdown.reset(options={"task": "test/3n/0"})
    group = group_of((next(countdown.oracle()), SOLVED))
    assert final_answer(group.turns, "answer {answer}") == countdown.reference("test/3n/0")["answer"]
    assert answer_form(make_env(EnvConfig(id="Countdown-v0", kwargs={"turns": "many"})), "test/3n/0") == ""
