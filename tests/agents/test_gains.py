"""From scores of the reference answer to the gain of each turn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.agents.information_gain import gains_from_scores

scores = st.lists(st.floats(-20, 0), min_size=1, max_size=8)


def test_log_probabilities_by_hand() -> None:
    # −3 → −1 → −1.5: gains 2 and −0.5
    assert gains_from_scores([-3.0, -1.0, -1.5]).tolist() == [2.0, -0.5]


def test_probabilities_by_hand() -> None:
    # 1/8 → 1/2 → 1/4: gains 3/8 and −1/4
    gains = gains_from_scores(np.log([0.125, 0.5, 0.25]), "probability")
    np.testing.assert_allclose(gains, [0.375, -0.25])


@pytest.mark.parametrize("missing", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_leaves_both_its_turns_without_a_gain(missing) -> None:
    np.testing.assert_array_equal(gains_from_scores([-3.0, -1.0, missing, -1.0, -2.0]), [2.0, np.nan, np.nan, -1.0])


def test_an_answer_that_is_impossible_has_probability_zero() -> None:
    assert gains_from_scores([-math.inf, 0.0], "probability").tolist() == [1.0]


@given(scores, st.sampled_from(["logprob", "probability"]))
def test_gains_telescope(s, gain) -> None:
    belief = np.array(s) if gain == "logprob" else np.exp(s)
    gains = gains_from_scores(s, gain)
    assert len(gains) == len(s) - 1
    assert gains.sum() == pytest.approx(belief[-1] - belief[0], abs=1e-9)
    assert gain == "logprob" or (np.abs(gains) <= 1).all()
