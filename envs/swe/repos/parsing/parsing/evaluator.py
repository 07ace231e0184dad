"""The value of an expression."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping

from parsing.errors import EvaluationError
from parsing.nodes import Binary, Call, Choice, Node, Number, Unary, Variable
from parsing.parser import parse

_BINARY: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "^": operator.pow,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

FUNCTIONS: dict[str, tuple[int, int | None, Callable[..., float]]] = {
    "abs": (1, 1, abs),
    "sqrt": (1, 1, math.sqrt),
    "exp": (1, 1, math.exp),
    "log": (1, 2, math.log),
    "min": (1, None, lambda *values: min(values)),
    "max": (1, None, lambda *values: max(values)),
    "round": (1, 2, lambda value, digits=0: round(value, int(digits))),
    "clamp": (3, 3, lambda value, low, high: max(low, min(value, high))),
}
"""The fewest and the most arguments (None: any number), and the function itself, by name."""


class Evaluator:
    """Values of variables, and functions beside those that are always there. True is 1 and false is 0.

    Args:
        variables: values by name.
        functions: functions of any number of arguments, by name; one that has the name of a built-in replaces it.
    """

    def __init__(
        self, variables: Mapping[str, float] | None = None, functions: Mapping[str, Callable[..., float]] | None = None
    ) -> None:
        self.variables = dict(variables or {})
        self.functions = dict(FUNCTIONS)
        for name, function in (functions or {}).items():
            self.functions[name] = (0, None, function)

    def __call__(self, node: Node) -> float:
        """The value of a tree.

        Raises:
            EvaluationError: a variable or function is unknown, arguments are too few or too many, or the value is not
                defined, as in division by zero.
        """
        try:
            value = self._value(node)
        except (ArithmeticError, ValueError) as error:
            if isinstance(error, EvaluationError):
                raise
            raise EvaluationError(f"not defined: {error}") from error
        if isinstance(value, complex):
            raise EvaluationError("not defined: root of a negative number")
        return value

    def _value(self, node: Node) -> float:
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Variable):
            if node.name not in self.variables:
                raise EvaluationError(f"{node.name} has no value")
            return float(self.variables[node.name])
        if isinstance(node, Unary):
            value = self(node.operand)
            return -value if node.operator == "-" else float(not value)
        if isinstance(node, Choice):
            return self(node.yes) if self(node.condition) else self(node.no)
        if isinstance(node, Call):
            return self._call(node)
        return self._binary(node)

    def _binary(self, node: Binary) -> float:
        left = self(node.left)
        if node.operator == "and":
            return self(node.right) if left else left
        if node.operator == "or":
            return left if left else self(node.right)
        value = _BINARY[node.operator](left, self(node.right))
        return float(value) if isinstance(value, bool) else value

    def _call(self, node: Call) -> float:
        if node.function not in self.functions:
            raise EvaluationError(f"there is no function {node.function}")
        fewest, most, function = self.functions[node.function]
        count = len(node.arguments)
        if count < fewest or (most is not None and count > most):
            wanted = f"{fewest}" if fewest == most else f"{fewest} to {most}" if most else f"{fewest} or more"
            raise EvaluationError(f"{node.function} takes {wanted} arguments, not {count}")
        return float(function(*map(self, node.arguments)))


def evaluate(text: str, **variables: float) -> float:
    """The value of an expression, e.g. `evaluate("2 * x", x=4)`.

    Raises:
        ParseError: it is no expression.
        EvaluationError: it has no value.
    """
    return Evaluator(variables)(parse(text))
