"""Where a modifier can plant a bug in a file, and the file with the bug planted."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Self

from agentrl.envs.swe import syntax
from agentrl.errors import ConfigError, CorruptFileError, MissingExtraError, UnknownNameError

try:
    import libcst as cst
except ImportError as error:
    raise MissingExtraError("libcst", "swe") from error

from agentrl.envs.swe.bugs.modifiers import MODIFIERS

if TYPE_CHECKING:
    from agentrl.envs.swe.bugs.modifiers import Modifier


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One bug, reproducible from the file as it was."""

    path: str
    modifier: str
    site: int
    """Which of the nodes that the modifier applies to, in the order of the file."""
    variant: int
    """Which of the ways to change that node."""

    def __str__(self) -> str:
        return f"{self.path}:{self.modifier}:{self.site}:{self.variant}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `str(place)`.

        Raises:
            ConfigError: it is none.
        """
        parts = text.rsplit(":", 3)
        if len(parts) != 4 or not (parts[2].isdecimal() and parts[3].isdecimal()):
            raise ConfigError(f"{text!r} is no place of a bug: write it as path:modifier:site:variant")
        return cls(parts[0], parts[1], int(parts[2]), int(parts[3]))


class Module:
    """A Python file in which bugs can be planted."""

    def __init__(self, path: str, content: bytes) -> None:
        """
        Raises:
            CorruptFileError: it is no Python, or in another encoding than UTF-8.
        """
        self.path, self.content = path, content
        self._found: dict[str, list[tuple[int, cst.CSTNode]]] = {}
        try:
            self._tree = cst.parse_module(content)
        except (cst.ParserSyntaxError, UnicodeDecodeError) as error:
            raise CorruptFileError(path, f"no Python source: {error}") from error
        if self._tree.encoding.lower() not in ("utf-8", "utf-8-sig"):
            raise CorruptFileError(path, f"{self._tree.encoding} instead of UTF-8, so that no patch can be made for it")
        if self._written({}) != content:
            raise CorruptFileError(path, "libcst does not write it as it reads it")

    def places(self, modifier: str) -> Iterator[Place]:
        """All places of a modifier, in the order of the file; at some of them `plant` gives None.

        Raises:
            UnknownNameError: there is no such modifier.
        """
        apply = _modifier(modifier)
        for site, (_, node) in enumerate(self._sites(modifier)):
            for variant, _ in enumerate(apply(node)):
                yield Place(self.path, modifier, site, variant)

    def plant(self, place: Place) -> bytes | None:
        """The file with one bug. None if the change means nothing to Python, or cannot be compiled.

        Raises:
            ConfigError: there is no such place in this file.
            UnknownNameError: there is no such modifier.
        """
        for top, node in self._sites(place.modifier)[place.site : place.site + 1]:
            for replacement in islice(_modifier(place.modifier)(node), place.variant, place.variant + 1):
                return self._planted(top, node, replacement)
        raise ConfigError(f"there is no {place}: the file has changed since")

    def _sites(self, modifier: str) -> list[tuple[int, cst.CSTNode]]:
        if modifier not in self._found:
            apply = _modifier(modifier)
            self._found[modifier] = [(top, node) for top, node in self._nodes if next(apply(node), None) is not None]
        return self._found[modifier]

    @cached_property
    def _nodes(self) -> list[tuple[int, cst.CSTNode]]:
        """All that may be changed, each with the number of the statement of the file that it stands in."""
        return [(top, node) for top, statement in enumerate(self._tree.body) for node in _changeable(statement, False)]

    @cached_property
    def _codes(self) -> list[str]:
        return [self._tree.code_for_node(statement) for statement in self._tree.body]

    @cached_property
    def _meaning(self) -> str:
        return ast.dump(syntax.parse(self.content))

    def _planted(self, top: int, node: cst.CSTNode, replacement: cst.CSTNode) -> bytes | None:
        """The file with a node replaced; None if that means the same, or nothing."""
        statement = self._tree.body[top].deep_replace(node, replacement)
        assert isinstance(statement, cst.CSTNode)
        content = self._written({top: self._tree.code_for_node(statement)})
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as `is` between literals: bugs look like that
                meaning = syntax.parse(content)
                compile(meaning, self.path, "exec", dont_inherit=True)
        except SyntaxError:  # `return` outside of a function and the like
            return None
        return None if ast.dump(meaning) == self._meaning else content

    def _written(self, codes: Mapping[int, str]) -> bytes:
        """The file with some of its statements in other words: cheaper than to write the whole tree anew."""
        tree = self._tree
        head, foot = ("".join(map(tree.code_for_node, lines)) for lines in (tree.header, tree.footer))
        text = "".join([head, *(codes.get(i, code) for i, code in enumerate(self._codes)), foot])
        return (text if tree.has_trailing_newline else text.removesuffix(tree.default_newline)).encode(tree.encoding)


def _changeable(node: cst.CSTNode, inside: bool) -> Iterator[cst.CSTNode]:
    """Classes, and what functions do; types and decorators are left alone."""
    if isinstance(node, cst.Annotation | cst.Decorator):
        return
    if inside or isinstance(node, cst.ClassDef):
        yield node
    inside = inside or isinstance(node, cst.FunctionDef)
    for child in node.children:
        yield from _changeable(child, inside)


def _modifier(name: str) -> Modifier:
    if name not in MODIFIERS:
        raise UnknownNameError("modifier", name, MODIFIERS)
    return MODIFIERS[name]
