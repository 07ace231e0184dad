"""Parsing Python, from any thread."""

from __future__ import annotations

import ast
import threading

_lock = threading.Lock()


def parse(source: str | bytes) -> ast.Module:
    """`ast.parse`, one thread at a time.

    While CPython makes the tree, another thread may get its turn and begin one. Both count their depth in one place,
    and fail with `SystemError: AST constructor recursion depth mismatch`.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is no Python, or nested too deeply.
    """
    with _lock:
        return ast.parse(source)
