"""What in a submission is an attempt to cheat, as far as reading it tells.

Two things are looked at. Files: a fix changes source files, and neither tests nor what configures them, nor what Python
loads by itself, nor what could pass for a module of the standard library. Code: a fix needs none of what reaches into
the interpreter, the test runner, other modules or other processes. Only what is new counts: more than in the files of
the start and of the fix together.

Reading cannot find everything: names may be put together at run time, and a program may return what a test wants to see
without doing what it says. The first is left to what `grading` sees of the run, which has canaries against whatever
makes the runner lie; against the second nothing helps but tests that the agent does not know.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Literal

from agentrl.envs.swe.reach import Reach, reaches
from agentrl.envs.swe.repository import Repository

FlagKind = Literal[
    Reach,
    "tests",  # a test that was there is changed or removed
    "configuration",  # of tests or of the package
    "startup",  # what Python or pytest loads by itself
    "shadow",  # a module that hides another
    "link",
    "binary",
    "outside",  # of the repository
    "unreadable",  # nothing that this Python can read, and its tests pass all the same
    "forged",  # writes into the channel of results
    "exit",  # ends the run, or pytest's exit code is another than its results have
    "canary",  # tests pass that must fail
    "left",  # a process that lives on
    "wrote",  # files that are not its own
    "event",  # an audit event that the fix does not cause
]


@dataclass(frozen=True, slots=True)
class Flag:
    """A reason not to believe a submission."""

    kind: FlagKind
    what: str
    """A file, a name, an event."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


_CONFIGURATION = re.compile(
    r"(pytest|\.pytest)\.(ini|toml)|tox\.(ini|toml)|setup\.(cfg|py)|pyproject\.toml|noxfile\.py|\.coveragerc"
)
_STARTUP = re.compile(r"(site|user)customize\.py|conftest\.py|.*\.(pth|egg-link)|__editable__.*")
_COMPILED = re.compile(r".*\.(so|pyd|dll|dylib|pyc|pyo|zip|egg|whl)")
_LITTER = ("__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache")
_TEST_FILE = re.compile(r"test_.*\.py|.*_test\.py")
_KNOWN_MODULES = sys.stdlib_module_names | {
    *("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments", "exceptiongroup", "tomli"),
}


def screen_path(path: str, repository: Repository, *, new: bool) -> Flag | bool:
    """Whether a change of this file counts: True, or it is dropped: False, or a flag and dropped.

    Args:
        new: the file is not there at the start.
    """
    parts = PurePosixPath(path).parts
    if not path or path.startswith("/") or {"..", ".git"} & set(parts) or "\\" in path or "\0" in path:
        return Flag("outside", path)
    name = parts[-1]
    if set(parts) & set(_LITTER):
        return False
    if _STARTUP.fullmatch(name) or any(part.endswith((".dist-info", ".egg-info")) for part in parts):
        return Flag("startup", path)
    if _CONFIGURATION.fullmatch(name):
        return Flag("configuration", path)
    if _COMPILED.fullmatch(name):
        return Flag("binary", path)
    if _is_test(path, repository):
        return False if new else Flag("tests", path)
    modules = {_module(path, root) for root in {".", *repository.python_path}} if new else set()
    if modules & _KNOWN_MODULES or any(module in _imported_by_tests(repository) for module in modules if module):
        return Flag("shadow", path)
    return True


def screen_code(before: Sequence[Mapping[str, bytes]], after: Mapping[str, bytes], paths: Sequence[str]) -> list[Flag]:
    """What the changed files among `after` have more of than any of `before`.

    Args:
        before: the files of the start, and those of the fix.
        paths: of the changed files.
    """
    code = [path for path in paths if path.endswith(".py")]
    known: Counter[Flag] = Counter()
    for files in before:
        for path in code:
            try:
                known |= Counter(_flags(files.get(path, b"")))
            except (SyntaxError, ValueError, RecursionError):
                continue  # a start that is broken so far allows nothing
    flags: list[Flag] = []
    for path in code:
        try:
            found = Counter(_flags(after.get(path, b"")))
        except (SyntaxError, ValueError, RecursionError) as error:
            flags.append(Flag("unreadable", f"{path}: {error}"))
        else:
            flags += found - known
    return sorted(set(flags), key=str)


@lru_cache(maxsize=4096)
def _flags(source: bytes) -> tuple[Flag, ...]:
    return tuple(Flag(kind, what) for kind, what in reaches(source))


def _is_test(path: str, repository: Repository) -> bool:
    file = PurePosixPath(path)
    return any(file.is_relative_to(tests) for tests in repository.test_paths) or bool(_TEST_FILE.fullmatch(file.name))


def _imported_by_tests(repository: Repository) -> set[str]:
    """The modules that tests import, and that come from elsewhere: the repository has no such file or folder."""
    own = {PurePosixPath(path).with_suffix("").parts[: depth + 1] for path in repository.files for depth in range(3)}
    tests = b"\n".join(data for path, data in repository.files.items() if _is_test(path, repository))
    imported = {name.decode() for name in re.findall(rb"^\s*(?:from|import)\s+(\w+)", tests, re.MULTILINE)}
    return imported - {parts[-1] for parts in own}


def _module(path: str, root: str) -> str:
    """The first name of the module that a file is, if its folder is in the search path; "" if it is none."""
    file = PurePosixPath(path)
    if not file.is_relative_to(root) or file.suffix != ".py":
        return ""
    return file.relative_to(root).with_suffix("").parts[0]
