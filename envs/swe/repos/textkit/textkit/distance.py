"""How far texts are from each other."""

from __future__ import annotations

from collections.abc import Iterable


def levenshtein(left: str, right: str, *, limit: int | None = None) -> int:
    """The fewest insertions, deletions and replacements of characters that turn one into the other.

    Args:
        limit: beyond it the answer is `limit + 1`, which takes less time.
    """
    if len(left) < len(right):
        left, right = right, left
    if limit is not None and len(left) - len(right) > limit:
        return limit + 1
    row = list(range(len(right) + 1))
    for i, char in enumerate(left, 1):
        above = row
        row = [i]
        for j, other in enumerate(right, 1):
            replaced = above[j - 1] + (char != other)
            row.append(min(above[j] + 1, row[j - 1] + 1, replaced))
        if limit is not None and min(row) > limit:
            return limit + 1
    return row[-1]


def similarity(left: str, right: str) -> float:
    """From 0, nothing in common, to 1, equal: 1 less the distance as a share of the longer length."""
    longest = max(len(left), len(right))
    if longest == 0:
        return 1.0
    return 1 - levenshtein(left, right) / longest


def common_prefix(words: Iterable[str]) -> str:
    """What all of them begin with."""
    shortest, *others = sorted(words, key=len) or [""]
    for length in range(len(shortest), 0, -1):
        if all(word.startswith(shortest[:length]) for word in others):
            return shortest[:length]
    return ""


def closest(word: str, options: Iterable[str], *, count: int = 3, cutoff: float = 0.6) -> list[str]:
    """The most similar options, best first; equally similar ones in alphabetical order.

    Args:
        count: how many at most.
        cutoff: the least similarity, letters of either case being equal.
    """
    scored = [(similarity(word.lower(), option.lower()), option) for option in options]
    good = [(score, option) for score, option in scored if score >= cutoff]
    good.sort(key=lambda pair: (-pair[0], pair[1]))
    return [option for _, option in good[:count]]
