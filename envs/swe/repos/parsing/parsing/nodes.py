"""The tree of an expression."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    """A constant; it is never negative where it was parsed."""

    value: float


@dataclass(frozen=True)
class Variable:
    """A name for a value."""

    name: str


@dataclass(frozen=True)
class Unary:
    """`-x` or `not x`."""

    operator: str
    operand: Node


@dataclass(frozen=True)
class Binary:
    """Two operands; `**` is written as `^`."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Choice:
    """`condition ? yes : no`."""

    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True)
class Call:
    """A function of some arguments."""

    function: str
    arguments: tuple[Node, ...]


Node = Number | Variable | Unary | Binary | Choice | Call


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a node, from left to right."""
    if isinstance(node, Unary):
        return (node.operand,)
    if isinstance(node, Binary):
        return node.left, node.right
    if isinstance(node, Choice):
        return node.condition, node.yes, node.no
    if isinstance(node, Call):
        return node.arguments
    return ()


def names(node: Node) -> list[str]:
    """The variables of an expression, each once, from left to right."""
    if isinstance(node, Variable):
        return [node.name]
    found: list[str] = []
    for child in children(node):
        found.extend(name for name in names(child) if name not in found)
    return found


def depth(node: Node) -> int:
    """How many nodes the longest way down has."""
    return 1 + max(map(depth, children(node)), default=0)
