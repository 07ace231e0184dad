"""What a task says: how the software misbehaves, and nothing of how to repair it."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from agentrl.envs.swe import layout, syntax
from agentrl.envs.swe.bugs.candidates import COMBINED, Candidate
from agentrl.envs.swe.bugs.history import UNDONE
from agentrl.envs.swe.bugs.modifiers import MODIFIERS
from agentrl.envs.swe.failures import Failure
from agentrl.envs.swe.repository import Repository
from agentrl.errors import AgentRLError

Writer = Callable[[str], str]
"""A language model: from what it is asked to what it says."""

_CODE = re.compile(r"(?=.*\w\W+\w).{6,}")
"""Lines that say something, unlike `else:`."""
_NOISE = re.compile(r"truncated|Use -v")
"""Lines of pytest about itself."""
_TITLES = (
    "{thing} does not do what is expected of it",
    "Wrong behaviour of {thing}",
    "{thing} is broken",
    "Regression in {thing}",
)
_OPENINGS = (
    "Something is wrong with {thing}: {count} that used to pass.",
    "After a recent change of `{package}` {count}.",
    "I use `{package}`, and {thing} does not behave any more as it should: {count}.",
)


class LeakError(AgentRLError):
    """No statement could be made that keeps the fix to itself."""


def from_template(repository: Repository, candidate: Candidate, fails: Sequence[str], failure: Failure | None) -> str:
    """A report of what can be seen from outside: the test in words, what it compares, the functions it calls.

    The same candidate gets the same words everywhere.

    Raises:
        LeakError: the names of the tests give the fix away.
    """
    for shown in (failure, None):
        text = _filled(repository, candidate.bug_patch, fails, shown)
        if not leaks(text, candidate):
            return text
    raise LeakError(f"no template tells how {fails[0]} fails without giving the fix away")


def from_model(
    repository: Repository, candidate: Candidate, fails: Sequence[str], failure: Failure | None, writer: Writer
) -> str:
    """A report in a language model's words, which is shown no more than a user who runs the tests.

    Raises:
        LeakError: what it wrote gave the fix away, or was empty, three times.
    """
    shown = "\n".join(["", failure.statement, *failure.reason] if failure else [])
    source = _test_source(repository, fails[0])
    question = (
        f"Write an issue report, as a user of the Python library {repository.name.partition('/')[2]} would, about this "
        "failure. Say what was done, what was expected and what came instead, in at most 150 words. Do not guess at "
        f"the cause, and propose no change.\n\nTest {fails[0]}:\n\n{source}\n\nIt fails:\n{shown}\n"
    )
    for _ in range(3):
        text = writer(question).strip()
        if text and not leaks(text, candidate):
            return f"{text}\n"
        question += "\nYour last report quoted code of the library, or was empty: write another one."
    raise LeakError(f"the model gave the fix away, or said nothing, in three reports of {fails[0]}")


def leaks(text: str, candidate: Candidate) -> bool:
    """Whether a statement names a kind of bug, or holds a line that is changed, as it was or as it should be."""
    if any(re.search(rf"\b{name}\b", text) for name in (*MODIFIERS, *COMBINED, UNDONE)):
        return True
    changed = [line[1:].strip() for line in candidate.bug_patch.splitlines() if re.match(r"[+-](?![+-])", line)]
    return any(line in text for line in changed if _CODE.match(line))


def _filled(repository: Repository, seed: str, fails: Sequence[str], failure: Failure | None) -> str:
    choice = random.Random(seed)
    package = repository.name.partition("/")[2]
    statement = failure.statement if failure else ""
    thing = _thing(repository, fails[0], statement, package)
    words = {"thing": thing, "package": package, "count": _count(len(fails))}
    reason = failure.reason if failure else ()
    shown = [f"    {line}" for line in reason if line.strip() and not _NOISE.search(line)][:6]
    parts = [
        choice.choice(_TITLES).format(**words),
        choice.choice(_OPENINGS).format(**words),
        f'The case "{_in_words(fails[0])}" (`{fails[0]}`) goes wrong.' + (" It expects:" if statement else ""),
        f"    {statement}" if statement else "",
        "and gets:" if statement and shown else "",
        "\n".join(shown),
        _others(fails[1:]),
        f"Please repair `{package}`; its tests are right as they are.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _thing(repository: Repository, test: str, statement: str, package: str) -> str:
    """The first public function of the library that the statement calls by name, or the test, else the library."""
    calls = _calls(f"{statement}\n{_test_source(repository, test)}")
    called = (name for name in calls if name in _public(repository))
    return f"`{next(called, package)}`"


def _calls(source: str) -> list[str]:
    """Names that are called, in the order of the text; the shortest say little."""
    return re.findall(r"\b([A-Za-z]\w{2,})\(", source)


@lru_cache(maxsize=64)
def _names(source: bytes) -> frozenset[str]:
    try:
        tree = syntax.parse(source)
    except SyntaxError:
        return frozenset()
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    names = {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
    return frozenset(name for name in names if not name.startswith("_"))


def _public(repository: Repository) -> frozenset[str]:
    return frozenset().union(*(_names(repository.files[path]) for path in layout.source_paths(repository)))


def _test_source(repository: Repository, test: str) -> str:
    """The code of a test, "" where it is not found under its name."""
    path, _, name = test.partition("::")
    source = repository.files.get(path, b"").decode(errors="replace")
    try:
        tree = syntax.parse(source)
    except SyntaxError:
        return ""
    function = re.sub(r"\[.*", "", name).split("::")[-1]
    found = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == function)
    return next((ast.get_source_segment(source, node) or "" for node in found), "").partition("\n")[2]


def _in_words(test: str) -> str:
    """`tests/test_a.py::TestB::test_c_d[1-2]` as `c d [1-2]`."""
    name, bracket, parameters = test.rpartition("::")[2].partition("[")
    return f"{name.removeprefix('test_').replace('_', ' ')} {bracket}{parameters}".strip()


def _count(fails: int) -> str:
    return "1 test fails" if fails == 1 else f"{fails} tests fail"


def _others(tests: Sequence[str]) -> str:
    """The further tests that fail, by their names."""
    if not tests:
        return ""
    named = "\n".join(f"- {_in_words(test)}" for test in tests[:4])
    more = f"\n- and {len(tests) - 4} more" if len(tests) > 4 else ""
    return f"Also:\n\n{named}{more}"
