"""CM2 on worked examples: arXiv 2602.12268, sections 3 to 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.errors import ConfigError
from agentrl.trainers.credit import CM2, assign
from agentrl.trainers.credit.cm2 import Checklist
from agentrl.types import Group, Outcome, Task
from tests.trainers.trees import turn

WEIGHTS = {"checklist/*": 1.0}
ITEMS = [[{"id": "find", "weight": 0.25}, {"id": "cancel", "weight": 0.75}], [{"id": "refund", "weight": 1.0}]]
"""Two user turns: three items with their weights."""

Step = Mapping[str, float]
"""Verdicts of one step on the items that were open, by `user turn/item`."""


def episodes(*rollouts: Sequence[Step]) -> Group:
    group = Group(Task("Test-v0", "0", reference={"checklist": ITEMS}))
    for steps in rollouts:
        add(group, steps)
    return group


def add(group: Group, steps: Sequence[Step], outcome: Outcome | None = None) -> None:
    parent = None
    for s, step in enumerate(steps):
        rewards = {f"checklist/{item}": value for item, value in step.items()}
        parent = group.add(turn(parent, actions=1, outcome=outcome if s == len(steps) - 1 else None, **rewards))


def advantages(group: Group, credit: CM2) -> list[list[float]]:
    (credited,) = assign([group], credit, WEIGHTS)
    return [[float(credited.advantages[i][0]) for i in path] for path in group.rollouts()]


# A finds, then cancels (which depends on finding), and refunds in the second user turn.
A: list[Step] = [{"0/find": 1}, {"0/cancel": 1}, {"1/refund": 1}]
# B only finds, at its second step, and ends in the first user turn.
B: list[Step] = [{"0/find": 0}, {"0/find": 1}]
# C finds, fails to cancel, is let into the second user turn and fails there, too.
C: list[Step] = [{"0/find": 1}, {"0/cancel": 0}, {"1/refund": 0}]

# -- golden values ---------------------------------------------------------------------------------------------------


def test_trajectory_by_hand() -> None:
    # L = 2. R_A = (0.25 + 0.75 + 1)/2 = 1;  R_B = 0.25/2 = 0.125;  R_C = 0.125;  mean 1.25/3 = 0.416667
    a = advantages(episodes(A, B, C), CM2())
    np.testing.assert_allclose(np.concatenate(a), [0.583333] * 3 + [-0.291667] * 2 + [-0.291667] * 3, atol=1e-6)


def test_trajectory_with_std_by_hand() -> None:
    # R = 1 | 0.125: mean 0.5625, sample std 0.875/√2 = 0.618718: ±0.4375/0.618719
    a = advantages(episodes(A, B), CM2(std=True))
    np.testing.assert_allclose(np.concatenate(a), [0.707106] * 3 + [-0.707106] * 2, atol=1e-5)


def test_turn_by_hand() -> None:
    # user turn 0: R = 1, 0.25, 0.25, mean 0.5;  user turn 1, reached by A and C: R = 1, 0, mean 0.5
    a = advantages(episodes(A, B, C), CM2(assignment="turn", min_turn_group=2))
    np.testing.assert_allclose(a[0], [0.5, 0.5, 0.5])
    np.testing.assert_allclose(a[1], [-0.25, -0.25])
    np.testing.assert_allclose(a[2], [-0.25, -0.25, -0.5])


def test_turns_that_four_or_fewer_reached_are_ignored() -> None:
    # user turn 0 is reached by five, user turn 1 by four: R_0 = 1, 0.25 · 4, mean 0.4
    a = advantages(episodes(A, B, C, C, C), CM2(assignment="turn"))
    np.testing.assert_allclose(a[0], [0.6, 0.6, 0])
    np.testing.assert_allclose(a[1], [-0.15, -0.15])
    np.testing.assert_allclose(a[2], [-0.15, -0.15, 0])


def test_step_by_hand() -> None:
    # shares over G = 3: find 3/3, cancel 1/3, refund 1/3
    # A: find open and met 1 − 1 = 0;  cancel 1 − 1/3;  refund 1 − 1/3.  C: 0, −1/3, −1/3.
    # B: find is open at both steps and met at the second: back-filled, both 1 − 1 = 0
    a = advantages(episodes(A, B, C), CM2(assignment="step"))
    np.testing.assert_allclose(a[0], [0, 2 / 3, 2 / 3])
    np.testing.assert_allclose(a[1], [0, 0])
    np.testing.assert_allclose(a[2], [0, -1 / 3, -1 / 3])


def test_step_fills_back_and_weighs_the_open_items_by_hand() -> None:
    # both items open at the first step; D meets find at once and cancel later, E neither: shares 1/2
    d: list[Step] = [{"0/find": 1, "0/cancel": 0}, {"0/cancel": 1}]
    e: list[Step] = [{"0/find": 0, "0/cancel": 0}]
    # D: (0.25 · ½ + 0.75 · ½)/1 = ½ at the first step, although cancel came later; 0.75 · ½/0.75 = ½ at the second
    np.testing.assert_allclose(np.concatenate(advantages(episodes(d, e), CM2(assignment="step"))), [0.5, 0.5, -0.5])
    # F meets find only: (0.25 · ½ + 0.75 · 0)/1 = 0.125, then 0 (nobody cancels)
    f: list[Step] = [{"0/find": 1, "0/cancel": 0}, {"0/cancel": 0}]
    got = np.concatenate(advantages(episodes(f, e), CM2(assignment="step")))
    np.testing.assert_allclose(got, [0.125, 0, -0.125])


def test_step_with_std_by_hand() -> None:
    # find: 1 | 0, share ½, sample std √½ = 0.707107: ±0.5/0.707108
    a = advantages(episodes([{"0/find": 1}], [{"0/find": 0}]), CM2(assignment="step", std=True))
    np.testing.assert_allclose(np.concatenate(a), [0.707106, -0.707106], atol=1e-5)


def test_a_step_without_open_items_has_no_step_advantage_and_shares_its_turn_s() -> None:
    reply: list[Step] = [*A[:2], {}, *A[2:]]
    group = episodes(reply, B)
    assert advantages(group, CM2(assignment="step"))[0][2] == 0
    # user turn 0: R = 1, 0.25: the reply after the last item still belongs to it
    a = advantages(group, CM2(assignment="turn", min_turn_group=2))
    np.testing.assert_allclose(a[0], [0.375, 0.375, 0.375, 0])


def test_an_item_counts_once() -> None:
    again: list[Step] = [{"0/find": 1}, {"0/find": 0}, {"0/find": 1}]
    once: list[Step] = [{"0/find": 1}, {}, {}]
    for level in ("trajectory", "turn"):
        credit = CM2(assignment=level, min_turn_group=2)
        assert advantages(episodes(again, B[:1]), credit) == advantages(episodes(once, B[:1]), credit)


# -- properties ------------------------------------------------------------------------------------------------------

LEVELS = [
    CM2(),
    CM2(std=True),
    CM2(assignment="turn"),
    CM2(assignment="turn", min_turn_group=2, std=True),
    CM2(assignment="step"),
    CM2(assignment="step", std=True),
]
verdicts = st.sampled_from([0, 1])
steps = st.fixed_dictionaries({}, optional={"0/find": verdicts, "0/cancel": verdicts}) | st.fixed_dictionaries(
    {}, optional={"1/refund": verdicts}
)


def lawful(some: Sequence[Step]) -> list[Step]:
    """Without verdicts on items that were met before: those are no longer open."""
    met: set[str] = set()
    kept = []
    for step in some:
        kept.append({item: value for item, value in step.items() if item not in met})
        met |= {item for item, value in step.items() if value}
    return kept


rollout = st.lists(steps, min_size=1, max_size=5).map(lawful)
rollouts = st.lists(rollout, min_size=1, max_size=7)


@pytest.mark.parametrize("credit", LEVELS, ids=repr)
class TestEveryLevel:
    @given(some=rollouts)
    def test_finite_and_bounded(self, credit, some) -> None:
        a = np.concatenate(advantages(episodes(*some), credit))
        assert np.isfinite(a).all()
        assert credit.std or (np.abs(a) <= 1).all()  # R and the share of a group are in [0, 1]

    @given(one=rollout, size=st.integers(1, 7))
    def test_identical_rollouts_give_exactly_zero(self, credit, one, size) -> None:
        assert not np.concatenate(advantages(episodes(*[one] * size), credit)).any()

    @given(some=rollouts, random=st.randoms(use_true_random=False))
    def test_order_of_the_rollouts_does_not_matter(self, credit, some, random) -> None:
        order = random.sample(range(len(some)), len(some))
        a, b = advantages(episodes(*some), credit), advantages(episodes(*[some[i] for i in order]), credit)
        for new, old in enumerate(order):
            np.testing.assert_allclose(b[new], a[old], atol=1e-9)

    @given(some=rollouts)
    def test_failed_judges_are_in_no_statistic(self, credit, some) -> None:
        group = episodes(*some)
        add(group, A, Outcome.infra_error("the judge gave no answer"))
        assert advantages(group, credit) == advantages(episodes(*some), credit)


@given(rollouts)
def test_trajectory_advantages_of_a_group_sum_to_zero(some) -> None:
    group = episodes(*some)
    assert abs(sum(a[0] for a in advantages(group, CM2()))) < 1e-9


# -- what is refused -------------------------------------------------------------------------------------------------


def test_a_task_without_a_checklist_is_refused() -> None:
    group = Group(Task("Test-v0", "7"))
    group.add(turn(None))
    with pytest.raises(ConfigError, match="task 7 has no checklist"):
        assign([group], CM2(), WEIGHTS)


def test_two_items_of_one_name_are_refused() -> None:
    twice = [[{"id": "find", "weight": 0.5}, {"id": "find", "weight": 0.5}]]
    with pytest.raises(ConfigError, match="same id"):
        Checklist.of(Task("Test-v0", "0", reference={"checklist": twice}))
    apart = Checklist.of(Task("Test-v0", "0", reference={"checklist": [twice[0][:1], twice[0][:1]]}))
    assert list(apart.channels) == ["checklist/0/find", "checklist/1/find"]


def test_a_verdict_on_no_item_is_refused() -> None:
    with pytest.raises(ConfigError, match="checklist/0/lose is no item"):
        advantages(episodes([{"0/lose": 1}]), CM2())


def test_rewards_that_would_have_no_effect_are_refused() -> None:
    CM2().check_rewards(WEIGHTS)
    for rewards in (WEIGHTS | {"outcome": 1.0}, {"checklist/*": 2.0}, {"checklist/*": (0.0, 1.0)}):
        with pytest.raises(ConfigError, match="no effect"):
            CM2().check_rewards(rewards)
