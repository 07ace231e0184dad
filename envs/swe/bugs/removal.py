"""Bugs by omission: a loop, a condition, an assignment or a wrapper that is not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

_Statement = cst.BaseStatement | cst.BaseSmallStatement


def remove_loop(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A `for` or `while` goes, with what it does."""
    for block, i, statement in _statements(node):
        if isinstance(statement, cst.For | cst.While):
            yield _instead(block, i, [])


def remove_cond(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """An `if` goes, or its condition alone, so that its body is always run; an `elif` or `else` goes."""
    for block, i, statement in _statements(node):
        if isinstance(statement, cst.If):
            yield _instead(block, i, [])
            yield _instead(block, i, statement.body.body)
    if isinstance(node, cst.If) and node.orelse:
        yield node.with_changes(orelse=node.orelse.orelse if isinstance(node.orelse, cst.If) else None)


def remove_assign(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """An assignment goes: `x = …`, `x += …`, `x: int = …`."""
    for block, i, statement in _statements(node):
        if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
            [small] = statement.body
            if isinstance(small, cst.Assign | cst.AugAssign) or (isinstance(small, cst.AnnAssign) and small.value):
                yield _instead(block, i, [])


def remove_wrapper(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A `with` or `try` goes, and its body stays."""
    for block, i, statement in _statements(node):
        if isinstance(statement, cst.With | cst.Try):
            yield _instead(block, i, statement.body.body)


def _statements(node: cst.CSTNode) -> Iterator[tuple[cst.IndentedBlock, int, cst.BaseStatement]]:
    if isinstance(node, cst.IndentedBlock):
        for i, statement in enumerate(node.body):
            yield node, i, statement


def _instead(block: cst.IndentedBlock, i: int, statements: Sequence[_Statement]) -> cst.IndentedBlock:
    """The block with other statements in place of one; an empty one gets `pass`."""
    lines = [s if isinstance(s, cst.BaseStatement) else cst.SimpleStatementLine([s]) for s in statements]
    body = [*block.body[:i], *lines, *block.body[i + 1 :]]
    return block.with_changes(body=body or [cst.SimpleStatementLine([cst.Pass()])])
