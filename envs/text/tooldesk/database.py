"""Databases of the desk: in memory, copied as bytes, compared by content."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

Row = tuple[object, ...]
Contents = dict[str, dict[Row, Row]]
"""Table → key of a row → its other values."""


def connect(image: bytes | None = None) -> sqlite3.Connection:
    """A database in memory: empty, or the copy of one that was serialized."""
    # An episode may be stepped by another thread than the one that began it, never by two at once.
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    if image is not None:
        db.deserialize(image)
    return db


class Comparison:
    """Which tables count, and how far a database is from the goal.

    Args:
        queries: of each table that counts, how many leading columns identify a row, and the SELECT of what counts.
    """

    def __init__(self, queries: Mapping[str, tuple[int, str]]) -> None:
        self.queries = dict(queries)

    def contents(self, db: sqlite3.Connection) -> Contents:
        """What counts, independent of the order in which it was written."""
        return {
            table: {row[:keys]: row[keys:] for row in db.execute(query)}
            for table, (keys, query) in self.queries.items()
        }


def difference(a: Contents, b: Contents) -> int:
    """Cells that differ; a row that only one side has counts with all its cells, its key as one of them."""
    cells = 0
    for table, rows in a.items():
        others = b[table]
        if rows == others:
            continue
        for key in rows.keys() | others.keys():
            one, other = rows.get(key), others.get(key)
            if one is None or other is None:
                cells += 1 + len(one or other or ())
            else:
                cells += sum(x != y for x, y in zip(one, other, strict=True))
    return cells
