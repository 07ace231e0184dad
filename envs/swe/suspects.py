"""Which functions a failing test may be about, told from the source alone.

A test names functions, these name others, and so on. The more of the failing tests lead to a function, in few steps,
and the fewer of the passing ones, the more it is suspected: Ochiai's coefficient of fault localisation (Abreu et al.
2007), with reach by names in the place of coverage. So nothing has to be run, and nothing of the bug is known.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cache, lru_cache

from agentrl.envs.swe import syntax

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "__add__",
    ast.Sub: "__sub__",
    ast.Mult: "__mul__",
    ast.Div: "__truediv__",
    ast.FloorDiv: "__floordiv__",
    ast.Mod: "__mod__",
    ast.Pow: "__pow__",
    ast.BitOr: "__or__",
    ast.BitAnd: "__and__",
    ast.BitXor: "__xor__",
    ast.USub: "__neg__",
    ast.Eq: "__eq__",
    ast.NotEq: "__eq__",
    ast.Lt: "__lt__",
    ast.LtE: "__le__",
    ast.Gt: "__lt__",
    ast.GtE: "__le__",
    ast.In: "__contains__",
    ast.NotIn: "__contains__",
    ast.For: "__iter__",
    ast.comprehension: "__iter__",
    ast.With: "__enter__",
    ast.JoinedStr: "__str__",
}
_BUILTINS = {"len": "__len__", "iter": "__iter__", "next": "__next__", "str": "__str__", "repr": "__repr__"}
_BUILTINS |= {"hash": "__hash__", "bool": "__bool__", "list": "__iter__", "tuple": "__iter__", "set": "__iter__"}
_BUILTINS |= {"sorted": "__lt__", "abs": "__abs__", "round": "__round__", "int": "__int__", "float": "__float__"}
_SUBSCRIPTS = {ast.Load: "__getitem__", ast.Store: "__setitem__", ast.Del: "__delitem__"}
_MADE = ("__init__", "__post_init__", "__new__")
_NEAR = 8
"""Steps from a test that are followed."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function or method of a module."""

    path: str
    name: str
    owner: str
    """Its class; "" outside of classes."""
    head: int
    """Line where that begins; 0 outside of classes."""
    first: int
    """Line of its first decorator or its `def`, from 1."""
    last: int
    names: frozenset[str]
    """What its body names: variables, attributes, and the methods behind operators."""
    documentation: tuple[int, int]
    """First and last line of its docstring; (0, 0) without one."""


@lru_cache(maxsize=4096)
def functions(path: str, source: bytes) -> tuple[Function, ...]:
    """Those of a module, inner functions as part of theirs; none if it is no Python."""
    try:
        tree = syntax.parse(source)
    except (SyntaxError, ValueError):
        return ()
    found: list[Function] = []

    def walk(body: Iterable[ast.stmt], owner: str, head: int) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                walk(node.body, node.name, node.lineno)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                match node.body[0]:
                    case ast.Expr(value=ast.Constant(value=str())) as doc:
                        lines = doc.lineno, doc.end_lineno or doc.lineno
                    case _:
                        lines = 0, 0
                last = node.end_lineno or first
                found.append(Function(path, node.name, owner, head, first, last, frozenset(_names(node)), lines))
            elif isinstance(node, ast.If | ast.Try):
                walk([child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)], owner, head)

    walk(tree.body, "", 0)
    return tuple(found)


def suspects(
    sources: Mapping[str, bytes], tests: Mapping[str, bytes], failing: Iterable[str], passing: Iterable[str]
) -> list[Function]:
    """Functions of the sources that failing tests lead to, the most suspected first.

    Args:
        sources: modules by path, as they are.
        tests: modules of tests and their helpers by path.
        failing: pytest's ids of tests.
        passing: those of others.
    """
    ours = [f for path in sorted(sources) for f in functions(path, sources[path])]
    helpers = {f.name: f for path in sorted(tests) for f in functions(path, tests[path])}
    named: dict[str, list[Function]] = {}
    for function in ours:
        for name in {function.name, *([function.owner] if function.name in _MADE and function.owner else [])}:
            named.setdefault(name, []).append(function)

    @cache
    def reach(test: str) -> dict[Function, float]:
        """Weight by function: 1 for what the test names, less for what lies further."""
        start = find(tests, test)
        seen: set[str] = set()
        level = set(start.names) if start else set()
        weights: dict[Function, float] = {}
        for distance in range(_NEAR):
            seen |= level
            below: set[str] = set()
            for name in level:
                for function in named.get(name, ()):
                    weights.setdefault(function, 0.5**distance)
                    below |= function.names
                if distance < 2 and name in helpers:
                    below |= helpers[name].names
            level = below - seen
        return {function: weight * _likely(function, seen) for function, weight in weights.items()}

    failing, passing = list(failing), list(passing)
    bad, good = ([reach(test.partition("[")[0]) for test in tests_] for tests_ in (failing, passing))
    scores = {}
    for function in ours:
        ef, ep = (sum(weights.get(function, 0.0) for weights in side) for side in (bad, good))
        if ef:
            scores[function] = ef / math.sqrt(len(bad) * (ef + ep))
    return sorted(scores, key=lambda f: (-scores[f], f.path, f.first))


def find(tests: Mapping[str, bytes], test: str) -> Function | None:
    """The function of a test by its id; None where there is none, as for tests that are made at run time."""
    path, *names = test.partition("[")[0].split("::")
    found = functions(path, tests.get(path, b""))
    owner = names[-2] if len(names) > 1 else ""
    return next((f for f in found if names and f.name == names[-1] and f.owner == owner), None)


def _likely(function: Function, names: Set[str]) -> float:
    """How likely it is that a name stood for this function, if it might: many classes have methods of the same name."""
    other_class = function.owner and function.owner not in names
    return (0.3 if other_class else 1.0) * (0.6 if function.name.startswith("__") else 1.0)


def _names(node: ast.AST) -> Iterable[str]:
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            yield child.id
            yield _BUILTINS.get(child.id, child.id)
        elif isinstance(child, ast.Attribute):
            yield child.attr
        elif isinstance(child, ast.Subscript):
            yield _SUBSCRIPTS[type(child.ctx)]
        elif (operator := _OPERATORS.get(type(child))) is not None:
            yield operator
