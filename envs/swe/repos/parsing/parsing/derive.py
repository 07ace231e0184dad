"""Symbolic derivatives."""

from __future__ import annotations

from parsing.errors import EvaluationError
from parsing.nodes import Binary, Call, Choice, Node, Number, Unary, Variable, names
from parsing.simplify import simplify


def derive(node: Node, name: str) -> Node:
    """The simplified derivative by a variable.

    Raises:
        EvaluationError: it cannot be derived: comparisons, logic, remainders and most functions.
    """
    return simplify(_derive(node, name))


def _derive(node: Node, name: str) -> Node:
    if name not in names(node):
        return Number(0.0)
    if isinstance(node, Variable):
        return Number(1.0)
    if isinstance(node, Unary) and node.operator == "-":
        return Unary("-", _derive(node.operand, name))
    if isinstance(node, Choice) and name not in names(node.condition):
        return Choice(node.condition, _derive(node.yes, name), _derive(node.no, name))
    if isinstance(node, Call):
        return _call(node, name)
    if isinstance(node, Binary):
        return _binary(node, name)
    raise EvaluationError("this expression has no derivative")


def _binary(node: Binary, name: str) -> Node:
    left, right = node.left, node.right
    if node.operator in ("+", "-"):
        return Binary(node.operator, _derive(left, name), _derive(right, name))
    if node.operator == "*":
        return Binary("+", Binary("*", _derive(left, name), right), Binary("*", left, _derive(right, name)))
    if node.operator == "/":
        top = Binary("-", Binary("*", _derive(left, name), right), Binary("*", left, _derive(right, name)))
        return Binary("/", top, Binary("^", right, Number(2.0)))
    if node.operator == "^" and name not in names(right):
        lower = Binary("^", left, Binary("-", right, Number(1.0)))
        return Binary("*", Binary("*", right, lower), _derive(left, name))
    if node.operator == "^" and name not in names(left):
        return Binary("*", Binary("*", node, Call("log", (left,))), _derive(right, name))
    raise EvaluationError(f"{node.operator} has no derivative here")


def _call(node: Call, name: str) -> Node:
    if len(node.arguments) == 1:
        (inner,) = node.arguments
        change = _derive(inner, name)
        if node.function == "exp":
            return Binary("*", node, change)
        if node.function == "log":
            return Binary("/", change, inner)
        if node.function == "sqrt":
            return Binary("/", change, Binary("*", Number(2.0), node))
    raise EvaluationError(f"{node.function} has no derivative")
