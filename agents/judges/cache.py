"""Answers of language models on disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class AnswerCache:
    """Texts by key, in an SQLite file that several processes may use at once.

    Args:
        path: of the file; it is made with its folder.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # a power cut costs the last answers, and no more
        self._db.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)")

    def get(self, key: str) -> str | None:
        row = self._db.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, answer: str) -> str:
        """Keep an answer, unless there is one already; returns the one that is kept."""
        self._db.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, answer))
        return self.get(key) or answer

    def close(self) -> None:
        self._db.close()
