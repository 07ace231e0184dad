from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agentrl.trainers.packing import epoch, padding_share, plan

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
    # sorted 10, 9, 2, 2, 1; limit 20: [10, 9] costs 20, [2, 2, 1] costs 6; two batches also fit at most 20
    (share,) = plan([2, 10, 1, 9, 2], 20)
    assert sorted(sorted(batch) for batch in share) == [[0, 2, 4], [1, 3]]
    assert padding_share([2, 10, 1, 9, 2], share) == 1 - 24 / 26


def test_two_processes_get_equal_work_from_one_micro_batch() -> None:
    shares = plan([10] * 8, 1000, 2)
    assert [[len(batch) for batch in share] for share in shares] == [[4], [4]]


@given(st.lists(st.integers(50, 500), min_size=16, max_size=60))
def test_processes_get_similar_work(lengths) -> None:
    loads = [sum(cost(lengths, batch) for batch in share) for share in plan(lengths, 2000, 2)]
    assert max(loads) - min(loads) <= 2000


def test_padding_of_ragged_rows_is_small() -> None:
    lengths = np.random.default_rng(0).integers(100, 1000, 96).tolist()
    (share,) = plan(lengths, 4096)
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
