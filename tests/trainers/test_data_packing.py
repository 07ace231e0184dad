from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.trainers.packing import ATTENTION, OVERHEAD, epoch, padding_share, plan

lengths_lists = st.lists(st.integers(1, 500), max_size=60)


def cost(lengths: list[int], batch: list[int]) -> int:
    return len(batch) * max(lengths[i] for i in batch)


@given(lengths_lists, st.integers(1, 2000), st.integers(1, 4))
def test_every_row_is_in_exactly_one_micro_batch(lengths, limit, processes) -> None:
    shares = plan(lengths, limit, processes)
    assert len(shares) == processes
    assert sorted(i for share in shares for batch in share for i in batch) == list(range(len(lengths)))


@given(lengths_lists, st.integers(1, 2000), st.integers(1, 4))
def test_no_micro_batch_exceeds_the_limit_unless_one_row_does(lengths, limit, processes) -> None:
    for share in plan(lengths, limit, processes):
        for batch in share:
            assert cost(lengths, batch) <= max(limit, max(lengths))


def test_plan_by_hand() -> None:
    # lengths 1000, 990 and three of 100. Together 5 · 1000 positions; apart 2 · 1000 + 3 · 100 for one more pass (200)
    (share,) = plan([100, 1000, 100, 990, 100], 5000)
    assert sorted(sorted(batch) for batch in share) == [[0, 2, 4], [1, 3]]
    assert padding_share([100, 1000, 100, 990, 100], share) == pytest.approx(10 / 2300)


def test_padding_is_cheaper_than_a_pass_for_a_few_tokens() -> None:
    # 5 positions of padding against the 200 tokens that a further pass costs
    assert plan([20, 15], 1000) == [[[0, 1]]]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.integers(400, 3000))
def test_no_other_cut_of_the_sorted_rows_is_less_work(lengths, limit) -> None:
    def work(runs: list[list[int]]) -> float:
        return sum(len(r) * max(r) * (1 + max(r) / ATTENTION) + OVERHEAD for r in runs)

    sizes = sorted(lengths, reverse=True)
    best = np.inf
    for cuts in itertools.product([False, True], repeat=len(sizes) - 1):
        ends = [0, *(i + 1 for i, cut in enumerate(cuts) if cut), len(sizes)]
        runs = [sizes[a:b] for a, b in itertools.pairwise(ends)]
        if all(len(r) * max(r) <= limit for r in runs):
            best = min(best, work(runs))
    (share,) = plan(lengths, limit)
    assert work([[lengths[i] for i in batch] for batch in share]) == pytest.approx(best)


def test_two_processes_get_equal_work_from_one_micro_batch() -> None:
    shares = plan([100] * 8, 1000, 2)
    assert [sum(map(len, share)) for share in shares] == [4, 4]


def test_two_processes_share_ragged_rows_fairly() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        lengths = [*rng.integers(80, 300, 70).tolist(), *rng.integers(900, 1300, 26).tolist()]
        loads = [
            sum(cost(lengths, b) * (1 + max(lengths[i] for i in b) / ATTENTION) for b in s)
            for s in plan(lengths, 8192, 2)
        ]
        assert max(loads) / min(loads) < 1.1


def test_padding_of_ragged_rows_is_small() -> None:
    lengths = np.random.default_rng(0).integers(100, 1000, 96).tolist()
    (share,) = plan(lengths, 8192)
    assert padding_share(lengths, share) < 0.08


def test_padding_of_nothing() -> None:
    assert padding_share([], []) == 0


@given(lengths_lists, st.integers(500, 3000), st.integers(0, 9))
def test_an_epoch_has_every_row_once_in_steps_of_bounded_size(lengths, tokens, seed) -> None:
    steps = epoch(lengths, tokens, np.random.default_rng(seed))
    assert sorted(i for step in steps for i in step) == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in step) <= tokens for step in steps)


def test_epochs_differ_and_repeat_with_the_seed() -> None:
    lengths = list(range(100, 300))
    first, again, other = (epoch(lengths, 2000, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_rows_of_a_step_have_like_lengths() -> None:
    lengths = np.random.default_rng(0).integers(100, 700, 400).tolist()
    steps = epoch(lengths, 3000, np.random.default_rng(0))
    assert padding_share(lengths, steps) < 0.06
