"""Bugs in classes: a base or a method that is missing, methods in another order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import libcst as cst

from agentrl.envs.swe.bugs.control import exchanged


def class_rm_base(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """`class A(B, C)` to `class A(C)`."""
    if isinstance(node, cst.ClassDef):
        for i in range(len(node.bases)):
            left = [*node.bases[:i], *node.bases[i + 1 :]]
            if left:
                left[-1] = left[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
            brackets = (
                {} if left or node.keywords else {"lpar": cst.MaybeSentinel.DEFAULT, "rpar": cst.MaybeSentinel.DEFAULT}
            )
            yield node.with_changes(bases=left, **brackets)


def class_rm_funcs(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A method goes, and what it overrides takes its place."""
    for body, i in _methods(node):
        yield node.with_deep_changes(body, body=[*body.body[:i], *body.body[i + 1 :]] or [_PASS])


def class_shuffle_funcs(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Two neighbouring methods change places, which shows where the second makes use of the first's name."""
    for (body, i), (_, j) in pairwise(_methods(node)):
        yield node.with_deep_changes(body, body=exchanged(body.body, i, j))


_PASS = cst.SimpleStatementLine([cst.Pass()])


def _methods(node: cst.CSTNode) -> Iterator[tuple[cst.BaseSuite, int]]:
    if isinstance(node, cst.ClassDef):
        for i, member in enumerate(node.body.body):
            if isinstance(member, cst.FunctionDef):
                yield node.body, i
