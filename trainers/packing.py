"""Which rows go together: micro-batches of like length, shared fairly among processes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Plan = list[list[int]]
"""Micro-batches, each a list of row indices."""

OVERHEAD = 200.0
"""What a forward and backward pass costs beside its tokens, in tokens; measured on a small model on a CPU."""
ATTENTION = 2000.0
"""Row length at which attention costs as much as everything else, for the same model."""
SPLITS = (1, 2, 4, 8)
"""Micro-batches per process that are tried where processes have to finish together."""


def plan(lengths: Sequence[int], max_tokens: int, processes: int = 1) -> list[Plan]:
    """Micro-batches for each process, every row in exactly one.

    A micro-batch costs rows · longest row, padding included, which stays within `max_tokens` unless a single row is
    longer. Rows are sorted by length and cut where that makes the total work least. With several processes smaller
    micro-batches are tried as well, and the plan is taken whose busiest process has least to do.
    """
    order = sorted(range(len(lengths)), key=lambda i: lengths[i], reverse=True)
    sizes = np.array([lengths[i] for i in order], np.float64)
    limits = {float(max_tokens)}
    if processes > 1:
        limits |= {min(max_tokens, 1.05 * sizes.sum() / (processes * n)) for n in SPLITS}
    plans = [_shared([[order[i] for i in run] for run in _cut(sizes, limit)], lengths, processes) for limit in limits]
    return min(plans, key=lambda shares: max(_work(lengths, share) for share in shares))


def _cut(sizes: np.ndarray, limit: float) -> list[range]:
    """Runs of descending `sizes`, each within `limit`, with the least total work.

    best[j] is the least work for the first j rows, and the last run of that solution begins at begins[j].
    """
    count = len(sizes)
    best = np.zeros(count + 1)
    begins = np.zeros(count + 1, np.int64)
    for stop in range(1, count + 1):
        starts = np.arange(stop)
        tokens = (stop - starts) * sizes[starts]
        work = best[starts] + tokens * (1 + sizes[starts] / ATTENTION) + OVERHEAD
        work[(tokens > limit) & (starts < stop - 1)] = np.inf
        begins[stop] = int(work.argmin())
        best[stop] = work[begins[stop]]
    runs, stop = [], count
    while stop:
        runs.append(range(int(begins[stop]), stop))
        stop = int(begins[stop])
    return runs[::-1]


def _shared(batches: Plan, lengths: Sequence[int], processes: int) -> list[Plan]:
    """The largest micro-batch first, each to the process that has least to do."""
    shares: list[Plan] = [[] for _ in range(processes)]
    loads = [0.0] * processes
    for batch in sorted(batches, key=lambda b: _work(lengths, [b]), reverse=True):
        rank = loads.index(min(loads))
        shares[rank].append(batch)
        loads[rank] += _work(lengths, [batch])
    return shares


def _work(lengths: Sequence[int], batches: Plan) -> float:
    """Tokens' worth of computing."""
    longest = [max(lengths[i] for i in batch) for batch in batches]
    return sum(len(b) * size * (1 + size / ATTENTION) + OVERHEAD for b, size in zip(batches, longest, strict=True))


def padding_share(lengths: Sequence[int], batches: Plan) -> float:
    """Share of padding among all token positions of the micro-batches."""
    used = sum(lengths[i] for batch in batches for i in batch)
    total = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    return 1 - used / total if total else 0.0


def epoch(lengths: Sequence[int], tokens: int, rng: np.random.Generator, pool: int = 20) -> Plan:
    """One pass over all rows in random steps of at most `tokens` tokens, rows of like length together.

    Rows are shuffled and taken in pools of `pool` steps; each pool is sorted by length and cut, and the steps are
    shuffled again: little padding, and still every step a fresh sample. A longer row makes a step of its own.
    """
    shuffled = rng.permutation(len(lengths))
    pools = np.cumsum([lengths[i] for i in shuffled]) // (pool * tokens)
    steps: Plan = []
    for part in np.split(shuffled, np.flatnonzero(np.diff(pools)) + 1):
        size = tokens + 1
        for i in sorted(part.tolist(), key=lambda i: lengths[i]):
            if size + lengths[i] > tokens:
                steps.append([])
                size = 0
            steps[-1].append(i)
            size += lengths[i]
    return [steps[i] for i in rng.permutation(len(steps))]
