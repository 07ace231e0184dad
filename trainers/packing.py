"""Which rows go together: micro-batches of like length, shared fairly among processes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Plan = list[list[int]]
"""Micro-batches, each a list of row indices."""


def plan(lengths: Sequence[int], max_tokens: int, processes: int = 1) -> list[Plan]:
    """Micro-batches for each process, every row in exactly one.

    Rows are sorted by length and cut into runs. A run costs rows · longest row, padding included; it stays within
    `max_tokens` unless a single row is longer. The number of micro-batches is a multiple of `processes`, and their
    largest cost the smallest possible for that number, so that no process waits long for another.
    """
    order = sorted(range(len(lengths)), key=lambda i: lengths[i], reverse=True)
    sizes = [lengths[i] for i in order]
    limit = max(max_tokens, max(sizes, default=1))
    wanted = len(_cut(sizes, limit))
    wanted = -(-wanted // processes) * processes
    low, high = max(sizes, default=1), limit
    while low < high:  # the smallest cost for which `wanted` runs suffice
        middle = (low + high) // 2
        low, high = (low, middle) if len(_cut(sizes, middle)) <= wanted else (middle + 1, high)
    batches, begin = [], 0
    for count in _cut(sizes, low):
        batches.append(order[begin : begin + count])
        begin += count
    shares: list[Plan] = [[] for _ in range(processes)]
    load = [0] * processes
    for batch in sorted(batches, key=lambda b: -len(b) * lengths[b[0]]):
        rank = load.index(min(load))
        shares[rank].append(batch)
        load[rank] += len(batch) * lengths[batch[0]]
    return shares


def _cut(sizes: Sequence[int], limit: int) -> list[int]:
    """Rows per run when descending `sizes` are cut as late as `limit` allows."""
    counts: list[int] = []
    longest = 0
    for size in sizes:
        if counts and (counts[-1] + 1) * longest <= limit:
            counts[-1] += 1
        else:
            counts.append(1)
            longest = size
    return counts


def padding_share(lengths: Sequence[int], batches: Plan) -> float:
    """Share of padding among all token positions of the micro-batches."""
    used = sum(lengths[i] for batch in batches for i in batch)
    total = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    return 1 - used / total if total else 0.0


def epoch(lengths: Sequence[int], tokens: int, rng: np.random.Generator, pool: int = 20) -> Plan:
    """One pass over all rows in random steps of at most `tokens` tokens, rows of like length together.

    Rows are shuffled and taken in pools of `pool` steps; each pool is sorted by length and cut, and the steps are
    shuffled again: little padding, and still every step a fresh sample.
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
