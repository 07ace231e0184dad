"""The surface `lines`: a small language for small policies, over the functions that a failing test may be about.

    replace 7 < <=
    test
    submit

Everything happens in memory: nothing is run until the first `test` or `submit`, and what they bring is asked of
whoever grades, who knows many answers already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from agentrl.envs.swe import edits, syntax
from agentrl.envs.swe.failures import failures, title
from agentrl.envs.swe.patches import diff
from agentrl.envs.swe.surface import Move, Surface
from agentrl.envs.swe.testing import TestRun
from agentrl.envs.swe.view import View
from agentrl.envs.swe.workspace import Start

_HELD = ("passed", "xfail", "skipped")
_FAILING = 3
_CHARS = 240
"""Of what is told of a failing test."""


class LinesSurface(Surface):
    """The functions shown, and what has become of them.

    Args:
        start: what the task starts from.
        view: what is shown of it.
        tests: ids of the tests to tell about.
        attempt: runs them on the repository's files as they are given.
        files: the repository as it is now; default: the start.
    """

    def __init__(
        self,
        start: Start,
        view: View,
        tests: tuple[str, ...],
        attempt: Callable[[Mapping[str, bytes]], TestRun],
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self.start, self.view, self.tests, self._attempt = start, view, tests, attempt
        self.files = start.files if files is None else files
        """Never changed, only replaced: those who run tests of it keep it."""

    def opening(self) -> str:
        """The first observation."""
        return f"{self.view.test}\n{self.view.text(self.files)}"

    def act(self, action: str) -> Move:
        verb, _, rest = action.strip().partition(" ")
        if verb == "submit" and not rest:
            return Move("submitted", submit=True)
        if verb == "test" and not rest:
            return Move(self._told(self._attempt(self.files)))
        if verb != "replace":
            return Move("write replace LINE OLD NEW, test or submit", problem="format")
        try:
            line, old, new = edits.parse(rest)
        except edits.EditError as error:
            return Move(str(error), problem="format")
        try:
            return Move(self._replace(line, old, new))
        except edits.EditError as error:
            return Move(str(error), problem="tool")

    def diff(self) -> str:
        return diff(self.start.files, self.files)

    def oracle(self, solved: Mapping[str, bytes]) -> Iterator[str]:
        yield from self.view.changes(self.files, solved) or ()
        yield "submit"

    def lines(self) -> dict[int, str]:
        """The lines shown, by number, as they are now."""
        return dict(enumerate(self.view.code(self.files), 1))

    def fork(self) -> Self:
        return type(self)(self.start, self.view, self.tests, self._attempt, self.files)

    def pack(self) -> dict[str, Any]:
        return {"files": {p: c.decode() for p, c in self.files.items() if self.start.files[p] != c}}

    def at(self, packed: Mapping[str, Any]) -> Self:
        """One at the point that `pack` gave."""
        twin = self.fork()
        twin.files = {**twin.files, **{path: text.encode() for path, text in packed["files"].items()}}
        return twin

    def close(self) -> None:
        pass

    def _replace(self, number: int, old: str, new: str) -> str:
        if not 1 <= number <= len(self.view.lines):
            raise edits.EditError(f"there are lines 1 to {len(self.view.lines)}")
        shown = self.view.lines[number - 1]
        lines = self.files[shown.path].decode().split("\n")
        lines[shown.line - 1] = edits.replace(lines[shown.line - 1], old, new)
        content = "\n".join(lines).encode("utf-8", "replace")
        try:
            syntax.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise edits.EditError(f"that would be no python: {lines[shown.line - 1].strip()[:_CHARS]}") from None
        self.files = {**self.files, shown.path: content}
        return f"{number} {lines[shown.line - 1]}"

    def _told(self, run: TestRun) -> str:
        bad = [test for test in self.tests if run.statuses.get(test) not in _HELD]
        told = [f"{len(self.tests) - len(bad)} passed, {len(bad)} failed"]
        reasons = failures(run.log)
        for test in bad[:_FAILING]:
            told.append(f"failing: {test.rpartition('::')[2]}")
            if failure := reasons.get(title(test)):
                told.append(" ".join(" ".join(failure.reason).split())[:_CHARS])
        return "\n".join([*told, *([run.error] if run.error else [])])
