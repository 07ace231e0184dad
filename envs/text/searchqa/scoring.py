"""How right an answer is."""

from __future__ import annotations

from collections.abc import Iterable

from agentrl.envs.text.searchqa.encyclopaedia import words


def word_f1(answer: str, accepted: Iterable[str]) -> float:
    """Best F1 of the sets of words, over all accepted answers; 0 … 1, as IGPO (arXiv 2510.14967) rewards outcomes.

    Words are in lower case and punctuation separates them; how often, and in which order, they stand does not matter.
    """
    return max(_f1(set(words(answer)), set(words(gold))) for gold in accepted)


def exact_match(answer: str, accepted: Iterable[str]) -> bool:
    """Whether the words, in their order, are those of one accepted answer."""
    return words(answer) in (words(gold) for gold in accepted)


def _f1(answer: set[str], gold: set[str]) -> float:
    common = len(answer & gold)
    return 2 * common / (len(answer) + len(gold)) if common else 0.0
