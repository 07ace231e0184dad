"""How alike two stretches of tokens are. Ids, not texts, so that no tokenizer is needed."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import LCSseq, Levenshtein

from agentrl.agents.lookahead.options import TokenOptions


def says_the_same(a: Sequence[int], b: Sequence[int], options: TokenOptions) -> bool:
    """Whether a branch that went on with `a` is pruned, as its parent has `b` there; both (r,)."""
    return (
        (options.tau_ed > 0 and edit_distance(a, b) < options.tau_ed)
        or (options.tau_suffix < 1 and common_suffix(a, b) > options.tau_suffix)
        or (options.tau_rouge < 1 and rouge_l(a, b) > options.tau_rouge)
    )


def edit_distance(a: Sequence[int], b: Sequence[int]) -> float:
    """Levenshtein distance over r, the length of both."""
    return float(Levenshtein.distance(a, b)) / len(a)


def rouge_l(a: Sequence[int], b: Sequence[int]) -> float:
    """F-measure of the longest common subsequence: its length over r, as both have that length."""
    return float(LCSseq.similarity(a, b)) / len(a)


def common_suffix(a: Sequence[int], b: Sequence[int]) -> float:
    """Length of the longest end of one that occurs anywhere in the other, over r."""
    return max(_end_within(a, b), _end_within(b, a)) / len(a)


def _end_within(a: Sequence[int], b: Sequence[int]) -> int:
    """The longest n such that the last n of `a` stand somewhere in `b`."""
    longest = 0
    for stop in range(len(b), 0, -1):
        n = 0
        while n < min(stop, len(a)) and a[-1 - n] == b[stop - 1 - n]:
            n += 1
        longest = max(longest, n)
    return longest
