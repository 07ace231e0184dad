"""Bugs in constants."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

_TRUTH = {"True": "False", "False": "True"}


def op_change_const(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """`x[1:]` to `x[2:]` or `x[0:]`, `True` to `False`: off by one, or the other truth."""
    if isinstance(node, cst.Integer) and node.value.isdecimal():
        value = int(node.value)
        yield from (node.with_changes(value=str(other)) for other in (value + 1, value - 1) if other >= 0)
    elif isinstance(node, cst.Float):
        yield from (node.with_changes(value=str(other)) for v in [node.evaluated_value] for other in (v + 1, v / 2))
    elif isinstance(node, cst.Name) and node.value in _TRUTH:
        yield node.with_changes(value=_TRUTH[node.value])
