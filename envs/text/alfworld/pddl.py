"""Just enough PDDL: nested lists, the sections of a problem, and whether a domain is one that the engine plays."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator
from typing import TypeAlias

from agentrl.errors import UnsupportedGameError

Expr: TypeAlias = "str | list[Expr]"

_TOKEN = re.compile(r"[()]|[^\s()]+")
_COMMENT = re.compile(r";[^\n]*")

_ACTIONS = {
    "look": "6683ee607d8df69f",
    "inventory": "bb6683f823aa2282",
    "examinereceptacle": "f8c0f2a2f4df5f6e",
    "examineobject": "4a0db9ec859b5eae",
    "gotolocation": "e3039981bf4da7c4",
    "openobject": "36e915c8c14e9e04",
    "closeobject": "cd42f8de0f71c105",
    "pickupobject": "3bb600db61a873d5",
    "putobject": "da2b692e181675b2",
    "cleanobject": "722984a68a379190",
    "heatobject": "124cbc096b95a195",
    "coolobject": "91e5a97febd39fc1",
    "toggleobject": "503629b58f850fa7",
    "sliceobject": "cb852da1b22b6c5a",
    "help": "19b42d4b2c34186f",
}
"""Action → digest of its definition in ALFWorld's domain, the one whose effects `engine.py` writes out."""


def parse(text: str) -> list[Expr]:
    """Read one parenthesised expression into nested lists of lower-case words.

    Raises:
        ValueError: the parentheses do not match.
    """
    stack: list[list[Expr]] = [[]]
    for token in _TOKEN.findall(_COMMENT.sub("", text).lower()):
        if token == "(":
            stack.append([])
        elif token == ")":
            done = stack.pop()
            if not stack:
                raise ValueError("a closing parenthesis too many")
            stack[-1].append(done)
        else:
            stack[-1].append(token)
    if len(stack) != 1 or len(stack[0]) != 1 or isinstance(stack[0][0], str):
        raise ValueError("not one balanced expression")
    return stack[0][0]


def sections(define: list[Expr], name: str) -> Iterator[list[Expr]]:
    """The parts `(name …)` of `(define … )`."""
    for part in define:
        if isinstance(part, list) and part and part[0] == name:
            yield part


@functools.lru_cache(maxsize=16)
def check_domain(domain: str) -> bool:
    """Check that a domain is ALFWorld's; returns whether it has the action `help`, which older ones lack.

    Raises:
        ValueError: it is not PDDL.
        UnsupportedGameError: an action is missing, unknown or defined differently.
    """
    define = parse(domain)
    digests = {str(action[1]): _digest(action) for action in sections(define, ":action")}
    for action, digest in digests.items():
        if _ACTIONS.get(action) != digest:
            raise unsupported(f"the domain's action {action!r}")
    for action in _ACTIONS.keys() - digests.keys() - {"help"}:
        raise unsupported(f"a domain without the action {action!r}")
    for part in sections(define, ":derived"):
        raise unsupported(f"the domain's derived predicate {part[1]}")
    return "help" in digests


def _digest(action: list[Expr]) -> str:
    return hashlib.sha256(repr(action).encode()).hexdigest()[:16]


def unsupported(feature: str) -> UnsupportedGameError:
    """The error that refuses a game because of `feature`."""
    return UnsupportedGameError(f'this engine does not play {feature}; use engine="original"')
