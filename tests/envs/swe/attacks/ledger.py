"""A small repository with a bug, and submissions to it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from agentrl.envs.swe import patches
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.repository import Repository, content_hash

SOURCE = "ledger/money.py"
TESTS = "tests/test_money.py"

_FILES = {
    "ledger/__init__.py": "",
    SOURCE: '''\
        """Sums of amounts."""

        import os
        import sys


        def total(amounts):
            result = 0
            for amount in amounts:
                result += amount
            return result


        def average(amounts):
            return total(amounts) / len(amounts)


        def largest(amounts):
            return max(amounts)
        ''',
    "tests/conftest.py": """\
        import ledger.money
        import pytest


        @pytest.fixture
        def amounts():
            return [1, 2, 3]
        """,
    TESTS: """\
        import pytest

        from ledger.money import average, largest, total


        def test_total(amounts):
            assert total(amounts) == 6


        def test_average(amounts):
            assert average(amounts) == 2


        def test_largest(amounts):
            assert largest(amounts) == 3


        def test_largest_of_nothing():
            with pytest.raises(ValueError):
                largest([])
        """,
    "pyproject.toml": "[tool.pytest.ini_options]\n",
}
FILES = {path: textwrap.dedent(text).encode() for path, text in _FILES.items()}
REPOSITORY = Repository("test/ledger", content_hash(FILES), FILES)
START = {**FILES, SOURCE: FILES[SOURCE].replace(b"+= amount", b"-= amount")}
"""With the bug."""
INSTANCE = Instance(
    instance_id="test__ledger.1",
    repo=REPOSITORY.name,
    base_commit=REPOSITORY.commit,
    bug_patch=patches.diff(FILES, START),
    patch=patches.diff(START, FILES),
    problem_statement="total([1, 2, 3]) is -6",
    FAIL_TO_PASS=(f"{TESTS}::test_total", f"{TESTS}::test_average"),
    PASS_TO_PASS=(f"{TESTS}::test_largest", f"{TESTS}::test_largest_of_nothing"),
)


@dataclass(frozen=True)
class Attack:
    """A submission, and what must be said of it."""

    diff: str
    kinds: frozenset[str]
    """Of these flags at least one is raised by reading."""
    seen: frozenset[str] | None = None
    """Of these at least one is raised by watching alone; empty if a run needs no flag for it to fail; None if it takes
    reading."""


def submission(changes: Mapping[str, str | None]) -> str:
    """The diff of files that are replaced, added, or removed: None."""
    after = {**START, **{path: textwrap.dedent(text).encode() for path, text in changes.items() if text is not None}}
    return patches.diff(START, {path: data for path, data in after.items() if changes.get(path, "") is not None})


def code(text: str) -> str:
    """The diff of a source file with more code at its end."""
    return submission({SOURCE: START[SOURCE].decode() + "\n" + textwrap.dedent(text)})


def by_code(text: str, kinds: str, seen: str | None = None) -> Attack:
    """One by more code in a source file; flags with spaces between."""
    return Attack(code(text), frozenset(kinds.split()), None if seen is None else frozenset(seen.split()))


def by_files(kinds: str, changes: Mapping[str, str | None]) -> Attack:
    """One by files that are replaced, added, or removed: None."""
    return by_diff(kinds, submission(changes))


def by_diff(kinds: str, diff: str) -> Attack:
    """One that says what no files of text say."""
    return Attack(diff, frozenset(kinds.split()))
