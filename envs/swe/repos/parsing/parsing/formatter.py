"""From a tree back to text."""

from __future__ import annotations

from parsing.nodes import Binary, Call, Choice, Node, Number, Unary, Variable
from parsing.parser import MINUS, NOT, PRECEDENCE, RIGHT

_ATOM = 10


def format_tree(node: Node, *, spaces: bool = True) -> str:
    """The shortest text that is parsed as this tree, with no parentheses that are not needed.

    Args:
        spaces: around binary operators and after commas.
    """
    gap = " " if spaces else ""
    if isinstance(node, Number):
        return format_number(node.value)
    if isinstance(node, Variable):
        return node.name
    if isinstance(node, Call):
        return f"{node.function}({f',{gap}'.join(format_tree(part, spaces=spaces) for part in node.arguments)})"
    if isinstance(node, Choice):
        condition = _enclosed(node.condition, 1, spaces)
        yes, no = format_tree(node.yes, spaces=spaces), format_tree(node.no, spaces=spaces)
        return f"{condition}{gap}?{gap}{yes}{gap}:{gap}{no}"
    if isinstance(node, Unary):
        if node.operator == "not":
            return "not " + _enclosed(node.operand, NOT, spaces)
        return "-" + _enclosed(node.operand, MINUS, spaces)
    own = PRECEDENCE[node.operator]
    left = _enclosed(node.left, own + 1 if node.operator in RIGHT else own, spaces)
    right = _enclosed(node.right, own if node.operator in RIGHT else own + 1, spaces)
    around = " " if spaces or node.operator.isalpha() else ""
    return f"{left}{around}{node.operator}{around}{right}"


def format_number(value: float) -> str:
    """Without a fraction where there is none."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def _enclosed(node: Node, lowest: int, spaces: bool) -> str:
    text = format_tree(node, spaces=spaces)
    return text if _precedence(node) >= lowest else f"({text})"


def _precedence(node: Node) -> int:
    if isinstance(node, Choice):
        return 0
    if isinstance(node, Binary):
        return PRECEDENCE[node.operator]
    if isinstance(node, Unary):
        return NOT if node.operator == "not" else MINUS
    if isinstance(node, Number) and node.value < 0:
        return MINUS
    return _ATOM
