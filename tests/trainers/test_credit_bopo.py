"""The reference-guided advantage, by hand and by what holds always."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.errors import ConfigError
from agentrl.trainers.credit import ANCHORS, BoPO, assign
from agentrl.trainers.credit.bopo import reference_guided
from agentrl.trainers.credit.grpo import group_relative
from agentrl.trainers.methods import METHODS
from agentrl.trainers.rewards import weighted_sum
from agentrl.types import Group, Outcome, Task, Turn

numbers = st.lists(st.floats(-3, 3), min_size=1, max_size=8)


def test_by_hand() -> None:
    # S = {0, 1, 0, 1.1}: mean 0.525, squared deviations .275625 + .225625 + .275625 + .330625 = 1.1075, n − 1 = 3
    found = reference_guided(np.array([0.0, 1.0]), np.array([0.0, 1.1]))
    assert found == pytest.approx([-0.525 / (0.607591 + 1e-6), 0.475 / (0.607591 + 1e-6)], rel=1e-5)


def test_without_the_deviation_a_price_keeps_its_weight() -> None:
    cheap, dear, anchors = np.array([1.0, 0.99]), np.array([1.0, 0.9]), np.ones(2)
    assert reference_guided(cheap, anchors, std=False) == pytest.approx([0.0025, -0.0075])
    assert reference_guided(dear, anchors, std=False) == pytest.approx([0.025, -0.075])
    assert reference_guided(cheap, anchors) == pytest.approx(reference_guided(dear, anchors), rel=1e-3)


def test_a_group_that_fails_throughout_still_hears_of_it() -> None:
    assert (group_relative(np.zeros(4)) == 0).all()
    assert (reference_guided(np.zeros(4), np.array([0.0, 1.1])) < 0).all()
    assert (reference_guided(np.full(4, 1.4), np.array([0.0, 1.1])) > 0).all()


@given(numbers, numbers)
def test_the_anchors_count_as_members_without_a_gradient(returns: list[float], anchors: list[float]) -> None:
    all_of_them = group_relative(np.array(returns + anchors))
    assert reference_guided(np.array(returns), np.array(anchors)) == pytest.approx(all_of_them[: len(returns)])


@given(numbers, st.floats(-3, 3), st.integers(0, 99))
def test_order_does_not_matter(returns: list[float], anchor: float, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(returns))
    anchors = np.array([anchor, 1.0])
    found = reference_guided(np.array(returns), anchors)
    assert reference_guided(np.array(returns)[order], anchors) == pytest.approx(found[order])


def test_no_contrast_at_all() -> None:
    assert (reference_guided(np.ones(3), np.ones(2)) == 0).all()


def group(*outcomes: float, anchors: list[dict[str, float]]) -> Group:
    made = Group(Task("E-v0", "t", reference={ANCHORS: anchors} if anchors else {}))
    for outcome in outcomes:
        first = made.add(Turn(None, (1,), (2, 3), (-1.0, -1.0), (0, 0), "", "", {"cost": -0.25}, Outcome.running()))
        end = Outcome.terminated(success=bool(outcome))
        made.add(Turn(first, (1,), (2,), (-1.0,), (0,), "", "", {"outcome": outcome, "cost": 0.0}, end))
    return made


def test_assigned_by_the_weights_of_the_run() -> None:
    weights = METHODS["bopo"].weights(0.0)
    assert weights == {"outcome": 1.0, "hard": 0.5, "cost": 0.4}
    ends = [{"outcome": 0.0, "hard": 0.0, "cost": 0.0}, {"outcome": 1.0, "hard": 1.0, "cost": -1.0, "progress": 9.0}]
    assert [weighted_sum(end, weights) for end in ends] == pytest.approx([0.0, 1.1])
    (credited,) = assign([group(0.0, 1.0, anchors=ends)], BoPO(), weights)
    expected = reference_guided(np.array([-0.1, 0.9]), np.array([0.0, 1.1]))
    assert [a.tolist() for a in credited.advantages] == [
        pytest.approx([value] * length) for value in expected for length in (2, 1)
    ]


def test_an_empty_group_is_none() -> None:
    lost = Group(Task("E-v0", "t", reference={ANCHORS: [{"outcome": 1.0}]}))
    lost.add(Turn(None, (), (), (), (), "", "", {}, Outcome.infra_error("gone")))
    (credited,) = assign([lost], BoPO(), {"outcome": 1.0})
    assert [len(a) for a in credited.advantages] == [0]


def test_tasks_without_reference_episodes_are_refused() -> None:
    with pytest.raises(ConfigError, match="task t has none"):
        assign([group(1.0, anchors=[])], BoPO(), {"outcome": 1.0})
