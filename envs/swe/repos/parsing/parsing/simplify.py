"""Trees of the same value with fewer nodes."""

from __future__ import annotations

from parsing.errors import EvaluationError
from parsing.evaluator import FUNCTIONS, Evaluator
from parsing.nodes import Binary, Call, Choice, Node, Number, Unary, children

ZERO, ONE = Number(0.0), Number(1.0)


def simplify(node: Node) -> Node:
    """Compute what is constant, and leave out what changes nothing; division by zero is left as it is."""
    if isinstance(node, Unary):
        node = _unary(Unary(node.operator, simplify(node.operand)))
    elif isinstance(node, Binary):
        node = _binary(Binary(node.operator, simplify(node.left), simplify(node.right)))
    elif isinstance(node, Call):
        node = Call(node.function, tuple(map(simplify, node.arguments)))
    elif isinstance(node, Choice):
        node = _choice(simplify(node.condition), simplify(node.yes), simplify(node.no))
    return _folded(node)


def _folded(node: Node) -> Node:
    parts = children(node)
    constant = all(isinstance(part, Number) for part in parts)
    if isinstance(node, Call):
        constant = constant and node.function in FUNCTIONS
    elif not parts:
        constant = False
    if not constant:
        return node
    try:
        return Number(Evaluator()(node))
    except EvaluationError:
        return node


def _unary(node: Unary) -> Node:
    inner = node.operand
    if node.operator == "-" and isinstance(inner, Unary) and inner.operator == "-":
        return inner.operand
    return node


def _choice(condition: Node, yes: Node, no: Node) -> Node:
    if isinstance(condition, Number):
        return yes if condition.value else no
    if yes == no:
        return yes
    return Choice(condition, yes, no)


def _binary(node: Binary) -> Node:
    left, right = node.left, node.right
    if node.operator == "+":
        if left == ZERO:
            return right
        if right == ZERO:
            return left
        if isinstance(right, Unary) and right.operator == "-":
            return Binary("-", left, right.operand)
    elif node.operator == "-":
        if right == ZERO:
            return left
        if left == ZERO:
            return Unary("-", right)
        if left == right:
            return ZERO
    elif node.operator == "*":
        if ZERO in (left, right):
            return ZERO
        if left == ONE:
            return right
        if right == ONE:
            return left
    elif node.operator == "/":
        if right == ONE:
            return left
        if left == ZERO and right != ZERO:
            return ZERO
    elif node.operator == "^":
        if right == ONE:
            return left
        if right == ZERO:
            return ONE
    elif node.operator in ("and", "or") and isinstance(left, Number):
        return right if bool(left.value) == (node.operator == "and") else left
    return node
