"""From groups to rows to micro-batches. Pure numpy.

A row is one path from root to leaf as one token sequence of length L. A turn that several paths share is trained in
the first row it occurs in and is context in the others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agentrl.trainers.credit.assign import Credited
from agentrl.types import Group

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Span:
    """Where the action tokens of a turn stand in a row."""

    turn: int
    """Index in `Group.turns`."""
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Row:
    """One rollout as one token sequence. Every array has length L; entries off `mask` are 0."""

    ids: Ints
    mask: Bools
    """Action tokens that this row trains."""
    logprobs: Floats
    """Behaviour log-probs."""
    versions: Ints
    """Policy version that sampled the token."""
    group: int
    """Index of the group in the batch."""
    spans: tuple[Span, ...]
    """The turns that this row trains, in order."""
    advantages: Floats
    returns: Floats | None = None
    """The critic's targets."""
    values: Floats | None = None
    """The critic's values when the rollout was judged."""
    reference: Floats | None = None
    """Log-probs under the reference model."""
    proximal: Floats | None = None
    """Log-probs under the trainer's policy before the first optimiser step on the batch, where they are known."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class SftRow:
    """One demonstration; both arrays have length L."""

    ids: Ints
    weights: Floats
    """Loss weight of each token as a target; 0 for context only. The first token is never a target."""

    def __len__(self) -> int:
        return len(self.ids)


def make_rows(groups: Sequence[Group]) -> list[Row]:
    """One row per rollout, without credit yet. Rollouts lost to infrastructure errors make none.

    Raises:
        ValueError: a rollout begins with an action token, which nothing precedes that could predict it.
    """
    rows = []
    for g, group in enumerate(groups):
        seen: set[int] = set()
        for path in group.rollouts():
            rows.append(_row(group, g, path, seen))
            seen.update(path)
    return rows


def _row(group: Group, index: int, path: Sequence[int], seen: Collection[int]) -> Row:
    length = sum(len(group.turns[i].prompt_ids) + len(group.turns[i].action_ids) for i in path)
    ids, versions = np.zeros(length, np.int64), np.zeros(length, np.int64)
    mask, logprobs = np.zeros(length, np.bool_), np.zeros(length, np.float32)
    spans = []
    stop = 0
    for i in path:
        turn = group.turns[i]
        begin, start = stop, stop + len(turn.prompt_ids)
        stop = start + len(turn.action_ids)
        ids[begin:start], ids[start:stop] = turn.prompt_ids, turn.action_ids
        if i not in seen:
            mask[start:stop] = True
            logprobs[start:stop] = turn.logprobs
            versions[start:stop] = turn.versions
            spans.append(Span(i, start, stop))
    if length and mask[0]:
        raise ValueError(f"turn {path[0]} of group {index} has no prompt: its first action token has no context")
    return Row(ids, mask, logprobs, versions, index, tuple(spans), np.zeros(length, np.float32))


def per_turn(groups: Sequence[Group], rows: Sequence[Row], arrays: Sequence[Floats]) -> list[list[np.ndarray]]:
    """Cut arrays along rows (L,) into arrays per group and turn (A,), the form in which credit takes values.

    Turns that no row trains get zeros.
    """
    turns = [[np.zeros(len(turn.action_ids)) for turn in group.turns] for group in groups]
    for row, array in zip(rows, arrays, strict=True):
        for span in row.spans:
            turns[row.group][span.turn] = array[span.start : span.stop].astype(np.float64)
    return turns


def with_credit(rows: Sequence[Row], credited: Sequence[Credited], values: Sequence[Floats] | None = None) -> list[Row]:
    """Rows that carry their advantages and, with a critic, its targets and old values (L,)."""
    result = []
    for i, row in enumerate(rows):
        credit = credited[row.group]
        advantages = np.zeros(len(row), np.float32)
        returns = None if credit.returns is None else np.zeros(len(row), np.float32)
        for span in row.spans:
            advantages[span.start : span.stop] = credit.advantages[span.turn]
            if returns is not None and credit.returns is not None:
                returns[span.start : span.stop] = credit.returns[span.turn]
        old = None if values is None else values[i]
        result.append(dataclasses.replace(row, advantages=advantages, returns=returns, values=old))
    return result


def pad(arrays: Sequence[npt.NDArray[np.generic]], length: int) -> np.ndarray:
    """(R, length) rows padded on the right with zeros."""
    padded = np.zeros((len(arrays), length), arrays[0].dtype)
    for i, array in enumerate(arrays):
        padded[i, : len(array)] = array
    return padded
