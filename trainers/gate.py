"""The start-up gate: before anything is learned, engine and trainer must agree on the log-probs of what was played.

    gap = check_gate(learner, rows, version, config.failures.max_logprob_gap)

Where they do not, training would correct for a policy that never acted. The run stops then, and names the cause that
was found by computing the trainer's log-probs again in other ways.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from agentrl.errors import RunStoppedError
from agentrl.trainers.data import Floats, Row

if TYPE_CHECKING:
    from agentrl.trainers.learner import Learner

SAMPLE = 16
"""Rows on which causes are tried."""
EXPLAINED = 0.25
"""A cause explains a gap if at most this share is left once the trainer computes the same way."""
ROUNDINGS = 4.0
"""A gap within so many roundings is one of arithmetic: an engine that also holds its weights in bfloat16 rounds more
than autocast does."""


def check_gate(learner: Learner, rows: Sequence[Row], version: int, bound: float) -> float | None:
    """Compare the log-probs of engine and trainer. All processes call it with the same rows, before any update.

    Args:
        version: of the learner's present weights. Only tokens that this policy sampled are compared: older ones
            rightly differ.
        bound: on the mean |log π_engine − log π_trainer|, in nats.

    Returns:
        That mean; None where no token is of this version, and the gate has yet to be passed.

    Raises:
        RunStoppedError: the mean exceeds the bound; the message names the probable cause.
    """
    fresh = [row for row in rows if (row.mask & (row.versions == version)).any()]
    if not fresh:
        return None
    trainer = learner.logprobs(fresh)
    gap = logprob_gap(fresh, trainer, version)
    if not gap <= bound:
        gaps = [logprob_gap([row], [array], version) for row, array in zip(fresh, trainer, strict=True)]
        worst = [fresh[i] for i in np.argsort(gaps)[::-1][:SAMPLE]]
        cause = find_cause(learner, worst, version, bound)
        raise RunStoppedError(
            f"the log-probs of engine and trainer differ by {gap:.3g} nats on average, more than"
            f" failures.max_logprob_gap = {bound:g}: {cause}"
        )
    return gap


def logprob_gap(rows: Sequence[Row], trainer: Sequence[Floats], version: int) -> float:
    """Mean |log π_engine − log π_trainer| over the tokens of a policy version, in nats.

    Args:
        trainer: (L,) per row, as `Learner.logprobs` gives them.

    Raises:
        ValueError: no token is of this version.
    """
    return float(np.abs(_tokens(rows, [r.logprobs for r in rows], version) - _tokens(rows, trainer, version)).mean())


def find_cause(learner: Learner, rows: Sequence[Row], version: int, bound: float) -> str:
    """Why engine and trainer disagree on the tokens of a version, with what to do about it."""
    set_to = learner.options.temperature or 1.0
    behaviour = _tokens(rows, [row.logprobs for row in rows], version)

    def trainer(temperature: float, dtype: str | None = None) -> Floats:
        return _tokens(rows, learner.logprobs(rows, temperature=temperature, dtype=dtype), version)

    def gap_at(temperature: float) -> float:
        return float(np.abs(behaviour - trainer(temperature)).mean())

    gap = gap_at(set_to)
    fitted = 1.0 if gap_at(1.0) <= EXPLAINED * gap else _fit(gap_at)
    if gap_at(fitted) <= EXPLAINED * gap:
        told = f"the engine's log-probs are those of temperature {fitted:.2g} (gap {gap_at(fitted):.2g})"
        # The tokens themselves tell at which temperature they were sampled.
        if trainer(fitted).mean() > trainer(set_to).mean():
            return f"{told}, and its tokens were sampled at it, but rl.temperature = {set_to:g}: make them equal"
        if fitted == 1.0:
            return (
                f"{told}, though it samples at {set_to:g}: the server returns raw log-probs; start it with"
                " --logprobs-mode processed_logprobs"
            )
        return f"{told}, though it samples at {set_to:g}: the server must return those of what it samples from"
    rounding = float(np.abs(trainer(set_to, "float32") - trainer(set_to, "bfloat16")).mean())
    if gap <= ROUNDINGS * rounding:
        return (
            f"the trainer's own log-probs differ by {rounding:.3g} between float32 and bfloat16, so this is rounding:"
            " set engine.dtype and engine.train_dtype (and --dtype of a server) to float32, or raise the bound"
        )
    return _place(rows, learner.logprobs(rows), version, bound)


def _fit(gap_at: Callable[[float], float]) -> float:
    """The temperature within [0.1, 10] at which the gap is least, to 0.2 %."""
    low, high = 0.1, 10.0
    best = 1.0
    for _ in range(4):
        grid = np.geomspace(low, high, 13)
        i = int(np.argmin([gap_at(t) for t in grid]))
        best, low, high = float(grid[i]), grid[max(i - 1, 0)], grid[min(i + 1, 12)]
    return best


def _place(rows: Sequence[Row], trainer: Sequence[Floats], version: int, bound: float) -> str:
    """What it means at which turn the disagreement begins."""
    turns: dict[int, list[float]] = {}
    for row, array in zip(rows, trainer, strict=True):
        for number, span in enumerate(row.spans, start=1):
            fresh = np.flatnonzero(row.versions[span.start : span.stop] == version) + span.start
            turns.setdefault(number, []).extend(np.abs(row.logprobs - array)[fresh])
    means = {number: float(np.mean(gaps)) for number, gaps in sorted(turns.items()) if gaps}
    numbers = list(means)
    first = next((number for number in numbers if means[number] > bound), numbers[0])
    listed = ", ".join(f"{means[number]:.2g}" for number in numbers if first <= number < first + 3)
    if first != numbers[0]:
        return (
            f"they agree up to turn {first - 1} and differ from turn {first} on (turn by turn {listed}): the engine saw"
            " other tokens there than those that are trained; check the chat template, and that nothing renders or"
            " cuts the history anew"
        )
    return (
        f"they differ from the first turn on (turn by turn {listed}), at no temperature and in no arithmetic less: the"
        f" weights that the engine holds are not those of version {version}, or it saw another prompt; check what was"
        " published, the tokenizer and the chat template"
    )


def _tokens(rows: Sequence[Row], arrays: Sequence[Floats], version: int) -> Floats:
    """(N,) the entries of arrays (L,) at the trained tokens of a version."""
    return np.concatenate([a[row.mask & (row.versions == version)] for row, a in zip(rows, arrays, strict=True)])
