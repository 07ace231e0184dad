"""What the surface `lines` shows of a repository: a failing test, and the functions that it may be about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentrl.envs.swe import edits
from agentrl.envs.swe.edits import tokens
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.layout import is_test, source_paths
from agentrl.envs.swe.suspects import Function, find, suspects
from agentrl.envs.swe.workspace import Start

ATOMS, TEST_ATOMS = 400, 120
"""Words and signs to show, the test and its share among them. There are some more: of headings, numbers of lines."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A line that is shown under a number."""

    path: str
    line: int
    """In the file, from 1."""


@dataclass(frozen=True, slots=True)
class View:
    """What is shown at the start of a task."""

    test: str
    """The failing test: its id, and its source as far as there is room."""
    lines: tuple[Shown, ...]
    """Of functions, and the first of their classes; the number of a line is its place here, from 1."""

    @classmethod
    def of(cls, instance: Instance, start: Start) -> View:
        """The most suspected functions, as many as there is room for, and at least one if there are any."""
        sources = {path: start.files[path] for path in source_paths(start.repository) if path in start.files}
        tests = {path: content for path, content in start.files.items() if path.endswith(".py") and is_test(path)}
        test = _test(instance.FAIL_TO_PASS, tests)
        lines: list[Shown] = []
        room = ATOMS - len(tokens(test))
        for function in suspects(sources, tests, instance.FAIL_TO_PASS, instance.PASS_TO_PASS):
            text = sources[function.path].decode().split("\n")
            numbers = [n for n in range(function.first, function.last + 1) if _is_shown(n, text, function)]
            if function.head and Shown(function.path, function.head) not in lines:
                numbers.insert(0, function.head)
            size = sum(len(tokens(text[n - 1])) + 1 for n in numbers)
            if size <= room or not lines:
                room -= size
                lines += [Shown(function.path, n) for n in numbers]
        return cls(test, tuple(lines))

    def changes(self, now: Mapping[str, bytes], then: Mapping[str, bytes]) -> list[str] | None:
        """The actions `replace …` that lead from some files to others; None where one of them would be none.

        That is where lines are added or removed, or one changes that is not shown, or in a way that cannot be said.
        """
        found = []
        numbers = {(shown.path, shown.line): number for number, shown in enumerate(self.lines, 1)}
        for path in sorted({*now, *then}):
            if now.get(path) == then.get(path):
                continue
            if path not in now or path not in then:
                return None
            before, after = (files[path].decode().split("\n") for files in (now, then))
            if len(before) != len(after):
                return None
            for at, (old, new) in enumerate(zip(before, after, strict=True), 1):
                if old == new:
                    continue
                change = edits.shortest(old, new)
                if change is None or (path, at) not in numbers:
                    return None
                found.append(f"replace {edits.text_of(numbers[path, at], *change)}")
        return found

    def text(self, files: Mapping[str, bytes]) -> str:
        """The code as it is now, with the numbers of lines."""
        told = []
        for number, (shown, line) in enumerate(zip(self.lines, self.code(files), strict=True), 1):
            if number == 1 or shown.path != self.lines[number - 2].path:
                told.append(shown.path)
            told.append(f"{number} {line}")
        return "\n".join(told)

    def code(self, files: Mapping[str, bytes]) -> list[str]:
        """The lines shown, as they are now."""
        texts = {path: files[path].decode().split("\n") for path in {shown.path for shown in self.lines}}
        return [texts[shown.path][shown.line - 1] for shown in self.lines]


def _is_shown(number: int, text: list[str], function: Function) -> bool:
    first, last = function.documentation
    return bool(text[number - 1].strip()) and not first <= number <= last


def _test(failing: tuple[str, ...], tests: Mapping[str, bytes]) -> str:
    """Of the tests whose source is found, the shortest."""
    texts = []
    for test in failing:
        if function := find(tests, test):
            lines = tests[function.path].decode().split("\n")[function.first - 1 : function.last]
            kept, room = list[str](), TEST_ATOMS
            for line in filter(str.strip, lines):
                room -= len(tokens(line))
                if room < 0:
                    kept.append("...")
                    break
                kept.append(line)
            texts.append(f"failing: {test.rpartition('::')[2]}\n" + "\n".join(kept))
    return min(texts, key=len) if texts else f"failing: {failing[0]}"
