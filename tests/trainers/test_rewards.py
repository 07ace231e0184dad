from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.errors import ConfigError, UnknownNameError
from agentrl.trainers.rewards import (
    BUSYWORK_REWARD,
    channel,
    check_channels,
    compose,
    kl_estimate,
    source_of,
    weights_at,
)
from agentrl.types import Outcome
from tests.trainers.trees import turn


def test_compose_by_hand() -> None:
    turns = [turn(None, 0.0, progress=0.5), turn(0, 1.0), turn(1, outcome=Outcome.invalid_action("what?"))]
    # 0.2 · 0.5 = 0.1;  1 · 1 = 1;  −0.05 · 1 = −0.05
    np.testing.assert_allclose(compose(turns, {"outcome": 1.0, "progress": 0.2, "invalid": -0.05}), [0.1, 1.0, -0.05])


def test_channels_without_a_weight_do_not_count() -> None:
    assert compose([turn(None, 1.0, progress=9.0)], {"outcome": 1.0}).tolist() == [1.0]


def test_no_turns() -> None:
    assert compose([], {"outcome": 1.0}).shape == (0,)


@given(st.dictionaries(st.sampled_from("abc"), st.floats(-9, 9)), st.floats(-3, 3))
def test_compose_is_linear_in_the_weights(channels, factor) -> None:
    turns = [turn(None, 0.5, **channels)]
    weights = {"outcome": 1.0, "a": 0.5, "b": -2.0}
    scaled = {name: factor * weight for name, weight in weights.items()}
    np.testing.assert_allclose(compose(turns, scaled), factor * compose(turns, weights), atol=1e-9)


def test_a_channel_that_never_occurs_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'progress'"):
        check_channels({"progres": 1.0}, ["outcome", "progress"])


def test_invalid_is_known_everywhere_and_families_by_pattern() -> None:
    check_channels({"invalid": -0.1, "checklist/3": 1.0}, ["checklist/*"])


def test_all_weights_zero_is_refused() -> None:
    for nothing in (0.0, (0.0, 0.0)):
        with pytest.raises(ConfigError, match="weight 0"):
            check_channels({"outcome": nothing}, ["outcome"])
    check_channels({"outcome": (0.0, 1.0)}, ["outcome"])


@pytest.mark.parametrize(
    ("name", "source"), [("information_gain", "answer"), ("checklist/*", "checklist"), ("checklist/0/a", "checklist")]
)
def test_what_a_run_makes_from_references_is_refused_without_them(name, source) -> None:
    assert source_of(name) == source
    check_channels({name: 1.0}, ["outcome"], {source: "known"})
    with pytest.raises(ConfigError, match=f"{source!r} in the reference of each task"):
        check_channels({name: 1.0}, ["outcome"], {"entities": "known"})


def test_weights_change_linearly_over_the_training() -> None:
    # 1 → 0.5: 0.75 halfway
    weights = {"information_gain": (1.0, 0.5), "outcome": 2.0}
    assert [weights_at(weights, progress)["information_gain"] for progress in (0.0, 0.5, 1.0)] == [1.0, 0.75, 0.5]
    assert weights_at(weights, 0.3)["outcome"] == 2.0


def test_a_family_is_the_sum_of_its_channels() -> None:
    turns = [turn(None, **{"checklist/0/a": 1.0, "checklist/0/b": 0.5}), turn(0, progress=9.0)]
    assert channel(turns, "checklist/*").tolist() == [1.5, 0.0]
    assert compose(turns, {"checklist/*": 2.0}).tolist() == [3.0, 0.0]


def test_busywork_by_hand() -> None:
    # look, look again, a word that means nothing, that word where it works, go: the new and the valid ones earn 0.1
    actions = ["look", "look", "hop", "hop", "go"]
    outcomes = [Outcome.running()] * 2 + [Outcome.invalid_action("what?")] + [Outcome.running()] * 2
    turns = [
        dataclasses.replace(turn(None, outcome=outcome), action=action)
        for action, outcome in zip(actions, outcomes, strict=True)
    ]
    assert channel(turns, "busywork").tolist() == [0.1, 0.0, 0.0, 0.1, 0.1]
    check_channels({"outcome": 1.0, "busywork": 1.0}, ["outcome"])


@given(st.lists(st.sampled_from(["look", "go", "take"]), max_size=9))
def test_busywork_pays_each_action_once(actions) -> None:
    turns = [dataclasses.replace(turn(None), action=action) for action in actions]
    assert channel(turns, "busywork").sum() == pytest.approx(BUSYWORK_REWARD * len(set(actions)))


def test_kl_estimates_by_hand() -> None:
    # d = −0.5 − (−1.5) = 1: k1 = 1, k2 = 1/2, k3 = e⁻¹ − 1 + 1 = 0.367879
    for kind, expected in (("k1", 1.0), ("k2", 0.5), ("k3", 0.36787944)):
        np.testing.assert_allclose(kl_estimate([-0.5], [-1.5], kind), [expected])


@given(st.lists(st.floats(-20, 0), min_size=1), st.integers(0, 9))
def test_k2_and_k3_are_never_negative(logprobs, seed) -> None:
    reference = np.random.default_rng(seed).uniform(-20, 0, len(logprobs))
    assert (kl_estimate(logprobs, reference, "k2") >= 0).all()
    assert (kl_estimate(logprobs, reference, "k3") >= 0).all()


def test_estimators_agree_with_the_exact_divergence() -> None:
    # KL([.5, .5] ‖ [.8, .2]) = .5 ln(.5/.8) + .5 ln(.5/.2) = 0.223144
    p, q = np.array([0.5, 0.5]), np.array([0.8, 0.2])
    for kind in ("k1", "k3"):
        assert (p * kl_estimate(np.log(p), np.log(q), kind)).sum() == pytest.approx(0.22314355)


def test_unknown_estimator() -> None:
    with pytest.raises(UnknownNameError):
        kl_estimate([0.0], [0.0], "k4")
