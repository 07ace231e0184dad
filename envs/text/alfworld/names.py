"""The names that players see, e.g. `cabinet 2` for `cabinet_bar__plus_00_dot_10_…`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def demangle(ids: Sequence[str]) -> list[str]:
    """Names of all ids of a game, as alfworld's `Demangler` gives them without shuffling.

    A name is the part before `_bar_`, with "basin" where the id has it, and a number. In sorted order the first of a
    kind gets the highest number. An id without `_bar_` is its own name, with a blank at the end.
    """
    kinds = [_kind(name) for name in ids]
    left = Counter(kinds)
    names = [""] * len(ids)
    for i in sorted(range(len(ids)), key=ids.__getitem__):
        kind = kinds[i]
        names[i] = f"{kind} {left[kind]}" if kind else f"{ids[i]} "
        left[kind] -= 1
    return names


def _kind(name: str) -> str:
    kind, bar, _ = name.partition("_bar_")
    if not bar:
        return ""
    return f"{kind}basin" if "basin" in name else kind
