"""The bound on staleness holds however fast groups end, and 0 is the synchronous loop."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.trainers.pace import Pace


def test_the_formula_by_hand() -> None:
    # η = 2, B = 4, 10 steps: (2 + 3 + 1) · 4 = 24 groups may have begun at version 3
    pace = Pace(staleness=2, batch=4, steps=10)
    assert pace.capacity(3, 17) == 7
    assert pace.capacity(3, 24) == 0
    assert pace.capacity(9, 0) == 40, "no group begins that would not be trained"
    assert list(pace.members(3)) == [12, 13, 14, 15]


@given(
    staleness=st.integers(0, 5),
    batch=st.integers(1, 6),
    steps=st.integers(1, 12),
    seed=st.integers(0, 1000),
)
def test_no_group_is_older_than_the_bound_and_each_is_trained_once(
    staleness: int, batch: int, steps: int, seed: int
) -> None:
    rng = random.Random(seed)
    pace = Pace(staleness, batch, steps)
    born: dict[int, int] = {}
    trained: list[int] = []
    for version in range(steps):
        for _ in range(pace.capacity(version, len(born))):
            born[len(born)] = version
        running = [n for n in born if n not in trained and rng.random() < 0.5]
        accepted = len(born) - len(running)
        assert pace.capacity(version, accepted + len(running)) == 0
        assert len(born) <= (staleness + version + 1) * batch
        for number in pace.members(version):
            assert version - born[number] <= staleness
            trained.append(number)
        assert set(born) >= set(trained)
    assert trained == list(range(steps * batch))
    assert len(born) == steps * batch


@pytest.mark.parametrize("batch", [1, 5])
def test_without_staleness_a_batch_begins_when_the_last_one_is_trained(batch: int) -> None:
    pace = Pace(0, batch, 3)
    begun = 0
    for version in range(3):
        assert pace.capacity(version, begun) == batch
        begun += batch
        assert pace.capacity(version, begun) == 0
