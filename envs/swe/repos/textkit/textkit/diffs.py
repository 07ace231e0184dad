"""Differences between lists of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """Some lines at a place are replaced by others."""

    at: int
    """Index of the first line, in the old text."""
    removed: tuple[str, ...]
    added: tuple[str, ...]


def diff(old: Sequence[str], new: Sequence[str]) -> list[Edit]:
    """As few removed and added lines as possible, in ascending order."""
    lengths = _common_lengths(old, new)
    edits: list[Edit] = []
    i, j = 0, 0
    while i < len(old) or j < len(new):
        if i < len(old) and j < len(new) and old[i] == new[j]:
            i += 1
            j += 1
            continue
        start_old, start_new = i, j
        while (i < len(old) or j < len(new)) and not (i < len(old) and j < len(new) and old[i] == new[j]):
            if j == len(new) or (i < len(old) and lengths[i + 1][j] >= lengths[i][j + 1]):
                i += 1
            else:
                j += 1
        edits.append(Edit(start_old, tuple(old[start_old:i]), tuple(new[start_new:j])))
    return edits


def _common_lengths(old: Sequence[str], new: Sequence[str]) -> list[list[int]]:
    """How many lines the ends of both from (i, j) on have in common."""
    lengths = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            if old[i] == new[j]:
                lengths[i][j] = lengths[i + 1][j + 1] + 1
            else:
                lengths[i][j] = max(lengths[i + 1][j], lengths[i][j + 1])
    return lengths


def apply(old: Sequence[str], edits: Sequence[Edit]) -> list[str]:
    """The new text.

    Raises:
        ValueError: the old text lacks lines that an edit removes, or edits overlap.
    """
    made: list[str] = []
    at = 0
    for edit in edits:
        end = edit.at + len(edit.removed)
        if edit.at < at or tuple(old[edit.at : end]) != edit.removed:
            raise ValueError(f"the edit at line {edit.at + 1} does not fit the text")
        made.extend(old[at : edit.at])
        made.extend(edit.added)
        at = end
    made.extend(old[at:])
    return made


def invert(edits: Sequence[Edit]) -> list[Edit]:
    """The edits that lead back from the new text to the old one."""
    inverted = []
    offset = 0
    for edit in edits:
        inverted.append(Edit(edit.at + offset, edit.added, edit.removed))
        offset += len(edit.added) - len(edit.removed)
    return inverted


def render(old: Sequence[str], edits: Sequence[Edit], *, context: int = 1) -> str:
    """The changed lines with `-` and `+`, with up to `context` unchanged ones around, `...` where more are left out."""
    lines: list[str] = []
    shown = 0
    for index, edit in enumerate(edits):
        start = max(edit.at - context, shown)
        if start > shown:
            lines.append("...")
        lines.extend("  " + line for line in old[start : edit.at])
        lines.extend("- " + line for line in edit.removed)
        lines.extend("+ " + line for line in edit.added)
        shown = edit.at + len(edit.removed)
        following = edits[index + 1].at if index + 1 < len(edits) else len(old)
        end = min(shown + context, following)
        lines.extend("  " + line for line in old[shown:end])
        shown = end
    if edits and shown < len(old):
        lines.append("...")
    return "\n".join(lines)
