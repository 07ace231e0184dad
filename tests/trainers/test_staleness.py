from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.trainers.data import make_rows
from agentrl.trainers.staleness import LengthMeter, staleness_metrics
from agentrl.types import Group, Outcome, Task, Turn


def episode(group: Group, lengths: list[int], outcome: Outcome, *, version: int = 0, parent: int | None = None) -> int:
    """A chain of turns with that many action tokens; the index of the last."""
    for i, n in enumerate(lengths):
        last = outcome if i == len(lengths) - 1 else Outcome.running()
        parent = group.add(Turn(parent, [1, 2], [3] * n, [-0.5] * n, [version] * n, "", "", {"outcome": 0.0}, last))
    assert parent is not None
    return parent


def group() -> Group:
    return Group(Task("Test-v0", "0"))


WON, LOST = Outcome.terminated(success=True), Outcome.infra_error("lost")


# -- ages ------------------------------------------------------------------------------------------------------------


def test_ages_by_hand() -> None:
    # trained at version 7: three tokens of 7, two of 5, three of 4 → mean (0·3 + 2·2 + 3·3)/8
    g = group()
    for version, n in ((7, 3), (5, 2), (4, 3)):
        episode(g, [n], WON, version=version)
    assert staleness_metrics(make_rows([g]), 7) == {
        "staleness/mean": 13 / 8,
        "staleness/max": 3,
        "staleness/0": 3 / 8,
        "staleness/1": 0,
        "staleness/2": 2 / 8,
        "staleness/3": 3 / 8,
    }


def test_the_versions_of_context_do_not_count() -> None:
    # off the mask `versions` is 0, which would be age 9
    g = group()
    episode(g, [2], WON, version=9)
    assert staleness_metrics(make_rows([g]), 9) == {"staleness/mean": 0, "staleness/max": 0, "staleness/0": 1}


def test_tokens_of_the_future_are_refused() -> None:
    g = group()
    episode(g, [2], WON, version=3)
    with pytest.raises(ValueError, match="version 2 is to be trained on tokens of version 3"):
        staleness_metrics(make_rows([g]), 2)


def test_no_tokens_no_ages() -> None:
    assert staleness_metrics([], 1) == {}
    g = group()
    episode(g, [2], LOST)
    assert staleness_metrics(make_rows([g]), 1) == {}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=1))
def test_shares_sum_to_one_and_have_the_mean(tokens) -> None:
    g = group()
    for version, n in tokens:
        episode(g, [n], WON, version=version)
    metrics = staleness_metrics(make_rows([g]), 9)
    shares = [metrics[f"staleness/{age}"] for age in range(int(metrics["staleness/max"]) + 1)]
    assert sum(shares) == pytest.approx(1)
    assert np.dot(shares, range(len(shares))) == pytest.approx(metrics["staleness/mean"])


# -- lengths ---------------------------------------------------------------------------------------------------------


def test_a_run_that_trains_all_it_plays_has_no_bias() -> None:
    g, meter = group(), LengthMeter()
    episode(g, [2, 3], WON)
    episode(g, [4], WON)
    meter.count([g])
    assert meter.metrics() == {"length/discarded": 0, "length/turns": 1, "length/tokens": 1}


def test_lost_long_episodes_show_as_bias_by_hand() -> None:
    # played: 1 turn of 2 tokens, 3 turns of 10 tokens; trained: the first alone → 1/2 turns, 2/6 tokens
    g, meter = group(), LengthMeter()
    episode(g, [2], WON)
    episode(g, [3, 3, 4], LOST)
    meter.count([g])
    metrics = meter.metrics()
    assert metrics["length/turns"] == pytest.approx(1 / 2)
    assert metrics["length/tokens"] == pytest.approx(2 / 6)
    assert metrics["length/discarded"] == pytest.approx(10 / 12)


def test_a_failure_that_was_made_good_is_no_episode() -> None:
    # a root of 4 tokens, a failure after 1 more, and the episode that went on from the root: 1 of 4 + 2 + 1 is lost
    g, meter = group(), LengthMeter()
    root = episode(g, [4], Outcome.running())
    episode(g, [2], WON, parent=root)
    episode(g, [1], LOST, parent=root)
    meter.count([g])
    assert meter.metrics() == {"length/discarded": 1 / 7, "length/turns": 1, "length/tokens": 1}
    assert meter.played == {"episodes": 1, "turns": 2, "tokens": 6}


def test_tokens_that_reached_no_group_are_discarded() -> None:
    g, meter = group(), LengthMeter()
    episode(g, [6], WON)
    meter.count([g], discarded=2)
    assert meter.metrics()["length/discarded"] == 2 / 8


def test_a_meter_survives_a_checkpoint() -> None:
    g, meter = group(), LengthMeter()
    episode(g, [2, 3], WON)
    meter.count([g])
    assert LengthMeter(**dataclasses.asdict(meter)).metrics() == meter.metrics()
    assert LengthMeter().metrics() == {}
