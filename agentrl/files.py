"""Writing files so that nobody ever sees half of one, and where to keep what can be made again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears at `path`, in place of what is there, when the `with` block ends without an error."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def cache_folder(name: str) -> Path:
    """`$AGENTRL_CACHE/<name>`, by default `~/.cache/agentrl/<name>`."""
    root = os.environ.get("AGENTRL_CACHE")
    return (Path(root) if root else Path.home() / ".cache" / "agentrl") / name


def json_line(row: Mapping[str, Any]) -> bytes:
    """One line of a JSON-lines file.

    Raises:
        ValueError: a number is not finite, which JSON has no word for.
    """
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
