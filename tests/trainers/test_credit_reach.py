"""Every advantage reaches exactly the action tokens of its turn: credit, assign, rows."""

from __future__ import annotations

import numpy as np
import pytest

from agentrl.trainers.credit import CM2, GRA, IGPO, Credit, assign
from agentrl.trainers.data import make_rows, with_credit
from agentrl.types import Group, Outcome, Task
from tests.trainers.trees import turn

DONE = Outcome.terminated(success=True)


def group() -> Group:
    """Two rollouts of turns with 2, 3, 1 and with 1, 4 action tokens, behind prompts of 3, 1, 2 and of 2, 5."""
    reference = {"checklist": [[{"id": "a", "weight": 1.0}], [{"id": "b", "weight": 1.0}]]}
    g = Group(Task("Test-v0", "0", reference=reference))
    a, b = "checklist/0/a", "checklist/1/b"
    first = g.add(turn(None, actions=2, prompt=3, information_gain=1.0, **{a: 1.0}))
    second = g.add(turn(first, actions=3, prompt=1, information_gain=3.0, **{b: 0.0}))
    g.add(turn(second, 1.0, actions=1, prompt=2, outcome=DONE, low=1.0, **{b: 1.0}))
    first = g.add(turn(None, actions=1, prompt=2, information_gain=2.0, **{a: 1.0}))
    g.add(turn(first, 0.0, actions=4, prompt=5, outcome=DONE, low=3.0, **{b: 0.0}))
    return g


# γ = 1 and gains 1, 3 | 2: z = −1.224743, 1.224743 | 0;  outcomes 1 | 0: z = ±1
G = 1.224743
CASES: list[tuple[Credit, dict[str, float], list[float]]] = [
    (IGPO(), {"outcome": 1.0, "information_gain": 1.0}, [1.0, G + 1, 1.0, -1.0, -1.0]),
    # totals 1 + 1 = 2 and 0
    (GRA(std=False), {"outcome": 1.0, "low": 1.0}, [1.0, 1.0, 1.0, -1.0, -1.0]),
    # returns to go, γ = ½: 0.5, 1, 2 | 0, 0; the third turn has nobody to be compared with
    (GRA(std=False, assignment="turn", gamma=0.5), {"outcome": 1.0, "low": 1.0}, [0.25, 0.5, 0.0, -0.25, -0.5]),
    # R = (1 + 1)/2 and (1 + 0)/2
    (CM2(), {"checklist/*": 1.0}, [0.25, 0.25, 0.25, -0.25, -0.25]),
    # user turn 0: both 1;  user turn 1: 1 | 0
    (CM2(assignment="turn", min_turn_group=2), {"checklist/*": 1.0}, [0.0, 0.5, 0.5, 0.0, -0.5]),
    # shares 1 and ½; b is filled back to the second turn, which left it open
    (CM2(assignment="step"), {"checklist/*": 1.0}, [0.0, 0.5, 0.5, 0.0, -0.5]),
]


@pytest.mark.parametrize(("credit", "weights", "of_turns"), CASES, ids=lambda value: type(value).__name__)
def test_each_advantage_reaches_exactly_the_tokens_of_its_turn(credit, weights, of_turns) -> None:
    groups = [group()]
    first, second = with_credit(make_rows(groups), assign(groups, credit, weights))
    a, b, c, d, e = of_turns
    np.testing.assert_allclose(first.advantages, [0, 0, 0, a, a, 0, b, b, b, 0, 0, c], atol=1e-5)
    np.testing.assert_allclose(second.advantages, [0, 0, d, 0, 0, 0, 0, 0, e, e, e, e], atol=1e-5)


def test_a_shared_turn_gets_the_mean_of_its_rollouts() -> None:
    # the first turn (gain 1) leads to two answers, outcomes 1 and 0; a rollout of its own has gain 3 and outcome 0.5
    g = Group(Task("Test-v0", "0"))
    root = g.add(turn(None, actions=2, information_gain=1.0))
    g.add(turn(root, 1.0, actions=1, outcome=DONE))
    g.add(turn(root, 0.0, actions=1, outcome=DONE))
    other = g.add(turn(None, actions=1, information_gain=3.0))
    g.add(turn(other, 0.5, actions=1, outcome=DONE))
    (credited,) = assign([g], IGPO(), {"outcome": 1.0, "information_gain": 1.0})
    # gains 1, 1, 3 (once per rollout): z = −0.707107, −0.707107, 1.414214;  outcomes 1, 0, 0.5: z = ±1.224745, 0
    expected = [[-0.707107] * 2, [1.224745], [-1.224745], [1.414214], [0.0]]
    for got, wanted in zip(credited.advantages, expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-5)
