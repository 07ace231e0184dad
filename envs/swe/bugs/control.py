"""Bugs in the flow of control: inverted conditions, statements in another order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst


def ctrl_invert_if(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """`if a:` to `if not a:`; and `if` with `else` exchange what they do."""
    if isinstance(node, cst.If):
        yield node.with_changes(test=_negated(node.test), whitespace_before_test=cst.SimpleWhitespace(" "))
        if isinstance(node.orelse, cst.Else):
            yield node.with_changes(body=node.orelse.body, orelse=node.orelse.with_changes(body=node.body))
    elif isinstance(node, cst.IfExp):
        yield node.with_changes(body=node.orelse, orelse=node.body)


def ctrl_shuffle(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Two neighbouring statements change places: the smallest shuffle. Docstrings stay first."""
    if isinstance(node, cst.IndentedBlock):
        for i in range(len(node.body) - 1):
            if not _is_docstring(node.body[i]):
                yield node.with_changes(body=exchanged(node.body, i, i + 1))


def exchanged(body: Sequence[cst.CSTNode], i: int, j: int) -> list[cst.CSTNode]:
    """The members of a body, i and j in each other's place."""
    swapped = list(body)
    swapped[i], swapped[j] = body[j], body[i]
    return swapped


def _negated(test: cst.BaseExpression) -> cst.BaseExpression:
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return test.expression
    if isinstance(test, cst.BooleanOperation | cst.IfExp | cst.NamedExpr | cst.Lambda) and not test.lpar:
        test = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.UnaryOperation(cst.Not(), test)


def _is_docstring(statement: cst.CSTNode) -> bool:
    match statement:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString())]):
            return True
    return False
