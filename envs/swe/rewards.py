"""Rewards of SWE-v0, as pure functions.

Sources: G-RA, arXiv 2508.10548: four levels of outcome in this order, critics of single steps; its numbers are not
known, these are ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from agentrl.envs.swe.grading import Grade

OUTCOMES: Mapping[str, float] = {
    "not_submitted": 0.0,
    "empty_patch": 0.1,
    "failing_patch": 0.3,
    "passing_patch": 1.0,
}
"""G-RA's levels of `outcome`."""

CRITIC = 0.1
"""What the critics of single steps give, each, to an episode that uses all its turns well."""


def outcome(grade: Grade) -> float:
    """Level of an episode; one that cheated counts as not submitted."""
    if not grade.submitted or grade.flags:
        return OUTCOMES["not_submitted"]
    if grade.empty:
        return OUTCOMES["empty_patch"]
    return OUTCOMES["passing_patch" if grade.resolved else "failing_patch"]


def critic(opinion: bool | None, turns: int) -> float:
    """A step critic's reward for one turn: {-1, 0, +1} × 0.1 / T.

    For channel `format`: is it an action; `tool_valid`: does the tool exist and take these arguments; `submit`:
    `submit_opinion`.

    Args:
        opinion: good, bad, or None for neither.
        turns: T, the most turns of an episode.
    """
    return 0.0 if opinion is None else (CRITIC if opinion else -CRITIC) / turns


def submit_opinion(*, submits: bool, last: bool, empty: bool) -> bool | None:
    """Of a turn: it is good to submit a change, bad to submit none, or not to submit in the end.

    Args:
        last: whether the turn ends the episode.
        empty: whether nothing has been changed so far.
    """
    if submits:
        return not empty
    return False if last else None
