"""The surface `lines`: a small language for small policies, over the functions that a failing test may be about.

    replace 7 < <=
    test
    submit

Everything happens in memory: nothing is run until the first `test` or `submit`, and who grades knows many answers
already.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Self

from agentrl.envs.swe import edits, judging, syntax
from agentrl.envs.swe.failures import failures, title
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.patches import diff
from agentrl.envs.swe.repairer import Repairer
from agentrl.envs.swe.surface import Move, Surface
from agentrl.envs.swe.testing import TestRun
from agentrl.errors import ConfigError

_HELD = ("passed", "xfail", "skipped")
_FAILING = 3
_CHARS = 240
"""Of what is told of a failing test."""


class LinesSurface(Surface):
    """The functions shown, and what has become of them.

    Args:
        kind: of the sandboxes in which tests are run, see `workshop.PROVIDERS`.
    """

    def __init__(self, kind: str, instance: Instance) -> None:
        self.start, self.view = judging.start_of(instance), judging.view_of(instance)
        self.files = self.start.files
        """The repository as it is now. Never changed, only replaced: those who run tests of it keep it."""
        self._kind, self._instance = kind, instance

    @classmethod
    def open(cls, kind: str, instance: Instance) -> Self:
        if instance.test_patch:
            raise ConfigError(
                f"the tests of {instance.instance_id} are hidden, and the surface 'lines' shows tests: use another"
            )
        return cls(kind, instance)

    @classmethod
    def restore(cls, kind: str, instance: Instance, packed: Mapping[str, Any]) -> Self:
        twin = cls.open(kind, instance)
        twin.files = {**twin.files, **{path: text.encode() for path, text in packed["files"].items()}}
        return twin

    def opening(self, statement: str) -> str:
        """The failing test instead of the statement, and the code."""
        return f"{self.view.test}\n{self.view.text(self.files)}"

    def act(self, action: str) -> Move:
        verb, _, rest = action.strip().partition(" ")
        if verb == "submit" and not rest:
            return Move("submitted", submit=True)
        if verb == "test" and not rest:
            return Move(self._told(judging.attempt(self._kind, self._instance, self.files)))
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

    def demonstrator(self, solved: Mapping[str, bytes], *, seed: int, mistakes: float) -> Repairer:
        """One that tests, edits, tests and submits; it starts where the surface is now."""
        return Repairer(self, solved, seed=seed, mistakes=mistakes)

    def fork(self) -> Self:
        return copy.copy(self)

    def pack(self) -> dict[str, Any]:
        return {"files": {p: c.decode() for p, c in self.files.items() if self.start.files[p] != c}}

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
        tests = self._instance.tests
        bad = [test for test in tests if run.statuses.get(test) not in _HELD]
        told = [f"{len(tests) - len(bad)} passed, {len(bad)} failed"]
        reasons = failures(run.log)
        for test in bad[:_FAILING]:
            told.append(f"failing: {test.rpartition('::')[2]}")
            if failure := reasons.get(title(test)):
                told.append(" ".join(" ".join(failure.reason).split())[:_CHARS])
        return "\n".join([*told, *([run.error] if run.error else [])])
