"""Bugs in expressions: other operators, swapped operands, broken chains."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

_FAMILIES: tuple[tuple[type[cst.CSTNode], ...], ...] = (
    (cst.Add, cst.Subtract),
    (cst.Multiply, cst.Divide, cst.FloorDivide, cst.Modulo),
    (cst.BitAnd, cst.BitOr, cst.BitXor),
    (cst.LeftShift, cst.RightShift),
    (cst.LessThan, cst.LessThanEqual),  # the boundary, which SWE-smith leaves alone
    (cst.GreaterThan, cst.GreaterThanEqual),
)
_OPPOSITES: tuple[tuple[type[cst.CSTNode], type[cst.CSTNode]], ...] = (
    (cst.Add, cst.Subtract),
    (cst.Multiply, cst.Divide),
    (cst.FloorDivide, cst.Modulo),
    (cst.BitAnd, cst.BitOr),
    (cst.LeftShift, cst.RightShift),
    (cst.And, cst.Or),
    (cst.Equal, cst.NotEqual),
    (cst.LessThan, cst.GreaterThan),
    (cst.LessThanEqual, cst.GreaterThanEqual),
    (cst.In, cst.NotIn),
    (cst.Is, cst.IsNot),
    (cst.AddAssign, cst.SubtractAssign),
    (cst.MultiplyAssign, cst.DivideAssign),
    (cst.FloorDivideAssign, cst.ModuloAssign),
    (cst.BitAndAssign, cst.BitOrAssign),
    (cst.LeftShiftAssign, cst.RightShiftAssign),
)
_FAMILY = {kind: family for family in _FAMILIES for kind in family}
_OPPOSITE = {a: b for pair in _OPPOSITES for a, b in (pair, pair[::-1])}


def op_change(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """`a + b` to `a - b`: each other operator of the same family."""
    for holder, operator in _operators(node):
        for kind in _FAMILY.get(type(operator), ()):
            if kind is not type(operator):
                yield node.deep_replace(holder, holder.with_changes(operator=_as(kind, operator)))


def flip_operators(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """`a < b` to `a > b`, `and` to `or`, `+=` to `-=`: the opposite."""
    for holder, operator in _operators(node):
        if kind := _OPPOSITE.get(type(operator)):
            yield node.deep_replace(holder, holder.with_changes(operator=_as(kind, operator)))


def op_swap(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """`a - b` to `b - a`."""
    if isinstance(node, cst.BinaryOperation | cst.BooleanOperation):
        yield node.with_changes(left=node.right, right=node.left)
    elif isinstance(node, cst.Comparison) and len(node.comparisons) == 1:
        [target] = node.comparisons
        yield node.with_changes(left=target.comparator, comparisons=[target.with_changes(comparator=node.left)])


def op_break_chains(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """`a + b + c` to `a + c`, `a < b < c` to `a < b`: one part is lost."""
    if isinstance(node, cst.BinaryOperation | cst.BooleanOperation):
        if isinstance(node.left, cst.BinaryOperation | cst.BooleanOperation):
            yield node.with_changes(left=node.left.left)
        if isinstance(node.right, cst.BinaryOperation | cst.BooleanOperation):
            yield node.with_changes(right=node.right.right)
    elif isinstance(node, cst.Comparison) and len(node.comparisons) > 1:
        for i in range(len(node.comparisons)):
            yield node.with_changes(comparisons=[*node.comparisons[:i], *node.comparisons[i + 1 :]])


def _operators(node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """The operators of an expression or assignment, each with the node that holds it."""
    if isinstance(node, cst.BinaryOperation) and isinstance(node.left, cst.SimpleString | cst.FormattedString):
        return  # `%` formats there
    if isinstance(node, cst.BinaryOperation | cst.BooleanOperation | cst.AugAssign):
        yield node, node.operator
    elif isinstance(node, cst.Comparison):
        yield from ((target, target.operator) for target in node.comparisons)


def _as(kind: type[cst.CSTNode], operator: cst.CSTNode) -> cst.CSTNode:
    """An operator of another kind with the same space around it."""
    space = {name: getattr(operator, name) for name in ("whitespace_before", "whitespace_after")}
    return kind(**space)
