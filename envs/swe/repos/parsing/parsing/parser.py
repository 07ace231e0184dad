"""From tokens to a tree, by precedence."""

from __future__ import annotations

from parsing.errors import ParseError
from parsing.nodes import Binary, Call, Choice, Node, Number, Unary, Variable
from parsing.tokens import Token, tokenize

PRECEDENCE = {
    "or": 1,
    "and": 2,
    "==": 4,
    "!=": 4,
    "<": 5,
    "<=": 5,
    ">": 5,
    ">=": 5,
    "+": 6,
    "-": 6,
    "*": 7,
    "/": 7,
    "%": 7,
    "^": 9,
}
"""A higher one binds more tightly."""
NOT, MINUS = 3, 8
"""Precedence of the unary operators."""
RIGHT = frozenset({"^"})
"""Operators that group from the right."""
DEEPEST = 100
"""How deep parentheses and operators may be nested."""


def parse(text: str) -> Node:
    """The tree of an expression.

    Raises:
        ParseError: it is none; the position says where it ceases to be one.
    """
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(tokenize(text))
        self.index = 0
        self.nested = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def fail(self, message: str) -> ParseError:
        return ParseError(message, self.text, self.token.position)

    def accept(self, operator: str) -> bool:
        if self.token.kind == "operator" and self.token.text == operator:
            self.index += 1
            return True
        return False

    def expect(self, operator: str) -> None:
        if not self.accept(operator):
            raise self.fail(f"expected {operator!r}")

    def whole(self) -> Node:
        node = self.choice()
        if self.token.kind != "end":
            raise self.fail(f"unexpected {self.token.text!r}")
        return node

    def choice(self) -> Node:
        self.nested += 1
        if self.nested > DEEPEST:
            raise self.fail("nested too deeply")
        condition = self.binary(1)
        if self.accept("?"):
            yes = self.choice()
            self.expect(":")
            condition = Choice(condition, yes, self.choice())
        self.nested -= 1
        return condition

    def binary(self, lowest: int) -> Node:
        left = self.unary()
        while self.token.kind == "operator":
            operator = "^" if self.token.text == "**" else self.token.text
            precedence = PRECEDENCE.get(operator, 0)
            if precedence < lowest:
                break
            self.index += 1
            right = self.binary(precedence if operator in RIGHT else precedence + 1)
            left = Binary(operator, left, right)
        return left

    def unary(self) -> Node:
        if self.accept("not"):
            return Unary("not", self.binary(NOT))
        if self.accept("-"):
            return Unary("-", self.binary(MINUS))
        if self.accept("+"):
            return self.binary(MINUS)
        return self.atom()

    def atom(self) -> Node:
        token = self.token
        if token.kind == "number":
            self.index += 1
            return Number(float(token.text))
        if token.kind == "name":
            self.index += 1
            return Call(token.text, self.arguments()) if self.accept("(") else Variable(token.text)
        if self.accept("("):
            node = self.choice()
            self.expect(")")
            return node
        if token.kind == "end":
            raise self.fail("expression ends too early")
        raise self.fail(f"unexpected {token.text!r}")

    def arguments(self) -> tuple[Node, ...]:
        if self.accept(")"):
            return ()
        found = [self.choice()]
        while self.accept(","):
            found.append(self.choice())
        self.expect(")")
        return tuple(found)
