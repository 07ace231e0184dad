"""Tables to be pasted."""

from __future__ import annotations

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the header first, as a Markdown table."""
    header, *rest = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rest))
