"""What is what in a Python project: its code, its tests, where imports start."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from agentrl.envs.swe.repository import Repository

_TEST_FOLDERS = {"test", "tests", "testing"}
_TEST_FILE = re.compile(r"(test_.*|.*_test|tests|conftest)\.py")
_ASIDE = {"benchmark", "benchmarks", "build", "docs", "doc", "examples", "example", "scripts", "tools", "vendor"}
_NO_MODULES = {"setup.py", "noxfile.py", "tasks.py", "fabfile.py", "conf.py", "versioneer.py"}


def is_test(path: str) -> bool:
    """Whether a file belongs to the tests: by its name, or by the folder that it is in."""
    file = PurePosixPath(path)
    return bool(_TEST_FILE.fullmatch(file.name)) or not _TEST_FOLDERS.isdisjoint(file.parts[:-1])


def python_path(files: Iterable[str]) -> tuple[str, ...]:
    """`src` where that holds the packages, else the root."""
    return ("src",) if any(re.fullmatch(r"src/(\w+/)*\w+\.py", path) for path in files) else (".",)


def test_paths(files: Iterable[str]) -> tuple[str, ...]:
    """The folders of tests, or the files where they lie beside code; none if there are no tests."""
    found = set()
    for path in files:
        file = PurePosixPath(path)
        if not re.fullmatch(r"(test_.*|.*_test|tests)\.py", file.name) or not _ASIDE.isdisjoint(file.parts[:-1]):
            continue
        depth = next((i for i, part in enumerate(file.parts[:-1]) if part in _TEST_FOLDERS), None)
        found.add(path if depth is None else "/".join(file.parts[: depth + 1]))
    return tuple(sorted(found))


def source_paths(repository: Repository) -> tuple[str, ...]:
    """The modules that its tests are about: no tests, no scripts, no documentation."""
    return tuple(sorted(path for path in repository.files if _is_source(path, repository)))


def _is_source(path: str, repository: Repository) -> bool:
    file = PurePosixPath(path)
    if file.suffix != ".py" or is_test(path) or file.name in _NO_MODULES or not _ASIDE.isdisjoint(file.parts[:-1]):
        return False
    for root in repository.python_path:
        if file.is_relative_to(root) or root == ".":
            inside = file if root == "." else file.relative_to(root)
            return (
                len(inside.parts) == 1 or str(PurePosixPath(root, inside.parts[0], "__init__.py")) in repository.files
            )
    return False
