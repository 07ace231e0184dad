"""pytest's rewriting of assertions, done before the fork and kept; and canaries, tests that must fail.

A run with canaries has the same tests under the same names, but in the end each of them asserts what is false. Whoever
makes the runner say that tests pass, however it is done, makes it say so of canaries.
"""

from __future__ import annotations

import ast
import os
from typing import Any

from _pytest.assertion import rewrite

CANARY = "assert [0] == [1], 'canary'"


class Rewriter:
    """Compiled test files, by path and kind."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, bool], tuple[bytes, Any]] = {}

    def prepare(self, paths: list[str], canary: bool) -> None:
        """Compile those of the files that are tests, or of those below the folders, ahead of a run."""
        for path in paths:
            if os.path.isdir(path):
                self.prepare([os.path.join(path, name) for name in os.listdir(path) if name[:1] != "."], canary)
            elif path.endswith(".py") and os.path.isfile(path):
                try:
                    self._compiled(path, canary)
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    continue  # the run will tell

    def install(self, canary: bool) -> None:
        """Have pytest take what is kept."""

        def rewrite_test(path: Any, config: Any) -> tuple[os.stat_result, Any]:
            return os.stat(path), self._compiled(str(path), canary)

        rewrite._rewrite_test = rewrite_test  # type: ignore[assignment]

    def _compiled(self, path: str, canary: bool) -> Any:
        with open(path, "rb") as file:
            source = file.read()
        kept, code = self.kept.get((path, canary), (b"", None))
        if code is None or kept != source:
            tree = ast.parse(source, path)
            if canary:
                tree = ast.fix_missing_locations(_Canaries().visit(tree))
            rewrite.rewrite_asserts(tree, source, path, None)
            code = compile(tree, path, "exec", dont_inherit=True)
            self.kept[path, canary] = source, code
        return code


class _Canaries(ast.NodeTransformer):
    """`try: <the test> finally: <assert what is false>` in every function called test…, of a class or of a module."""

    def visit_FunctionDef(self, node: Any) -> Any:
        if node.name.startswith("test"):
            doomed = ast.Try(body=node.body, handlers=[], orelse=[], finalbody=ast.parse(CANARY).body)
            node.body = [doomed]
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815
