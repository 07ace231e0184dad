"""Arithmetic as text: read without evaluating anything else, and written with a space around every symbol."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.floordiv}
_SYMBOLS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2}
_ALLOWED = re.compile(r"[0-9+\-*/() ]+")
_MAX_LENGTH = 200
"""Characters; Python's parser is safe within them."""
_NONE = "that is no expression of whole numbers, + - * / and brackets"
_TYPED = str.maketrans("×÷−", "*/-")


class IllegalError(ValueError):
    """No legal expression or operation; the message says why."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Two operands and what comes of them."""

    left: Expression
    symbol: str
    right: Expression
    value: int

    def __str__(self) -> str:
        """The operation by itself, on the values of its operands: `21 + 6`."""
        return f"{value(self.left)} {self.symbol} {value(self.right)}"


Expression = int | Operation


def apply(left: int, symbol: str, right: int) -> int:
    """`left symbol right`, in whole numbers of either sign.

    Raises:
        IllegalError: a division by zero, or one that leaves a remainder.
    """
    if symbol == "/" and (right == 0 or left % right):
        raise IllegalError(f"{left} / {right} is no whole number")
    return int(OPERATIONS[symbol](left, right))


def operations(numbers: Sequence[int]) -> list[Operation]:
    """All operations on two of some numbers, 0 or more each: the larger on the left, whole results only."""
    pairs = sorted({(max(pair), min(pair)) for pair in combinations(numbers, 2)})
    return [
        Operation(a, symbol, b, apply(a, symbol, b))
        for a, b in pairs
        for symbol in OPERATIONS
        if symbol != "/" or (b and not a % b)
    ]


def plain(text: str) -> str:
    """The text with × ÷ − as * / -."""
    return text.translate(_TYPED)


def evaluate(text: str) -> tuple[int, list[int]]:
    """The value of an expression, and the numbers in it from left to right.

    Raises:
        IllegalError: it is none of whole numbers, + - * / and brackets, or a division in it is not exact.
    """
    text = text.strip()
    if len(text) > _MAX_LENGTH or not _ALLOWED.fullmatch(text := plain(text)):
        raise IllegalError(_NONE)
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise IllegalError(_NONE) from error
    numbers: list[int] = []
    return _value(tree.body, numbers), numbers


def _value(node: ast.expr, numbers: list[int]) -> int:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        numbers.append(node.value)
        return node.value
    if isinstance(node, ast.BinOp) and (symbol := _SYMBOLS.get(type(node.op))):
        return apply(_value(node.left, numbers), symbol, _value(node.right, numbers))
    raise IllegalError(_NONE)


def value(expression: Expression) -> int:
    return expression if isinstance(expression, int) else expression.value


def text(expression: Expression) -> str:
    """The expression with the brackets that it needs: `3 * ( 7 + 2 )`."""
    if isinstance(expression, int):
        return str(expression)
    binding = _BINDING[expression.symbol]
    left, right = text(expression.left), text(expression.right)
    if _binding(expression.left) < binding:
        left = f"( {left} )"
    if _binding(expression.right) < binding + (expression.symbol in "-/"):
        right = f"( {right} )"
    return f"{left} {expression.symbol} {right}"


def _binding(expression: Expression) -> int:
    return 3 if isinstance(expression, int) else _BINDING[expression.symbol]


def steps(expression: Expression) -> Iterator[Operation]:
    """Its operations in an order in which they can be carried out."""
    if isinstance(expression, Operation):
        yield from steps(expression.left)
        yield from steps(expression.right)
        yield expression
