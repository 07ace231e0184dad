"""The libraries that come with agentrl to be broken and repaired: `envs/swe/repos/`, data that is never imported."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from agentrl.envs.swe.repository import Repository, content_hash
from agentrl.errors import UnknownNameError

OWNER = "agentrl"
_SUFFIXES = (".py", ".md")
"""Of the files that belong to a library; Python and its tools leave others there."""


def names() -> tuple[str, ...]:
    """The libraries, in alphabetical order."""
    return tuple(sorted(entry.name for entry in _root().iterdir() if _holds_code(entry)))


@cache
def load(name: str) -> Repository:
    """A library by its name, e.g. `intervals` for `agentrl/intervals`; it needs nothing but pytest.

    Raises:
        UnknownNameError: there is none of this name.
    """
    if name not in names():
        raise UnknownNameError("shipped library", name, names())
    found: dict[str, bytes] = {}
    _read(_root() / name, "", found)
    return Repository(f"{OWNER}/{name}", content_hash(found), found)


def _root() -> Traversable:
    return files("agentrl.envs.swe") / "repos"


def _holds_code(entry: Traversable) -> bool:
    return entry.is_dir() and entry.name.isidentifier() and entry.name != "__pycache__"


def _read(folder: Traversable, prefix: str, found: dict[str, bytes]) -> None:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if _holds_code(entry):
            _read(entry, f"{prefix}{entry.name}/", found)
        elif entry.is_file() and entry.name.endswith(_SUFFIXES):
            found[prefix + entry.name] = entry.read_bytes()
