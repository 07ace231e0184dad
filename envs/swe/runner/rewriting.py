"""pytest's rewriting of assertions, done before the fork and kept; and canaries, tests that must fail.

A run with canaries has the same tests under the same names, but in the end each of them asserts what is false. Whoever
makes the runner say that tests pass, however it is done, makes it say so of canaries. And what they compare is compared
with something else as well: what is equal to that is equal to everything.
"""

from __future__ import annotations

import ast
import builtins
import os
from typing import Any

from _pytest import nodes
from _pytest.assertion import rewrite

CANARY = "assert False, 'canary'"
PROBE = "@probe"
"""Among the built-in functions; no source can call it by this name."""


KEPT = 1024
"""Files."""


class Rewriter:
    """Compiled test files, by path, content and kind."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, bytes, bool], Any] = {}

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

    def install(self, canary: bool, say: Any) -> None:
        """Have pytest take what is kept."""
        builtins.__dict__[PROBE] = _probe(say)
        if canary:
            nodes.Node._repr_failure_py = lambda *_, **__: "canary"  # type: ignore[assignment,method-assign]

        def rewrite_test(path: Any, config: Any) -> tuple[os.stat_result, Any]:
            return os.stat(path), self._compiled(str(path), canary)

        rewrite._rewrite_test = rewrite_test  # type: ignore[assignment]

    def _compiled(self, path: str, canary: bool) -> Any:
        with open(path, "rb") as file:
            source = file.read()
        key = path, source, canary
        if key not in self.kept:
            tree = ast.parse(source, path)
            if canary:
                tree = ast.fix_missing_locations(_Canaries(path).visit(tree))
            rewrite.rewrite_asserts(tree, source, path, None)
            if len(self.kept) >= KEPT:
                self.kept.clear()
            self.kept[key] = compile(tree, path, "exec", dont_inherit=True)
        return self.kept[key]


class _Canaries(ast.NodeTransformer):
    """`try: <the test> finally: <assert what is false>` in every function called test…, of a class or of a module."""

    def __init__(self, path: str) -> None:
        self.path = path

    def visit_FunctionDef(self, node: Any) -> Any:
        self.generic_visit(node)
        if node.name.startswith("test"):
            node.body = [ast.Try(body=node.body, handlers=[], orelse=[], finalbody=ast.parse(CANARY).body)]
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Assert(self, node: ast.Assert) -> Any:
        for each in ast.walk(node.test):
            if isinstance(each, ast.Compare) and any(isinstance(op, ast.Eq) for op in each.ops):
                each.left, *each.comparators = (self._probed(side) for side in (each.left, *each.comparators))
        return node

    def _probed(self, side: ast.expr) -> ast.expr:
        about = [ast.Constant(value=self.path), ast.Constant(value=side.lineno)]
        return ast.Call(func=ast.Name(id=PROBE, ctx=ast.Load()), args=[side, *about], keywords=[])


def _probe(say: Any) -> Any:
    other = object()

    def probe(value: Any, path: str, line: int) -> Any:
        try:
            if value == other:
                say(["event", f"equal to everything at line {line}", path, line])
        except Exception:  # noqa: BLE001 - it may not like to be compared
            pass
        return value

    return probe
