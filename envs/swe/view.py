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

CODE_ATOMS, TEST_ATOMS = 300, 120
"""Words and signs of code, and of the test, to show."""


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
    functions: tuple[Function, ...]
    lines: tuple[Shown, ...]
    """Of these functions; the number of a line is its place here, from 1."""

    @classmethod
    def of(cls, instance: Instance, start: Start) -> View:
        """The most suspected functions, as many as there is room for, and at least one if there are any."""
        sources = {path: start.files[path] for path in source_paths(start.repository) if path in start.files}
        tests = {path: content for path, content in start.files.items() if path.endswith(".py") and is_test(path)}
        functions: list[Function] = []
        lines: list[Shown] = []
        room = CODE_ATOMS
        for function in suspects(sources, tests, instance.FAIL_TO_PASS, instance.PASS_TO_PASS):
            text = sources[function.path].decode().split("\n")
            numbers = [n for n in range(function.first, function.last + 1) if _is_shown(n, text, function)]
            room -= sum(len(tokens(text[n - 1])) for n in numbers)
            if room < 0 and functions:
                break
            functions.append(function)
            lines += [Shown(function.path, n) for n in numbers]
        return cls(_test(instance.FAIL_TO_PASS, tests), tuple(functions), tuple(lines))

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
        told, path, owner = [], "", ""
        lines = {name: files[name].decode().split("\n") for name in {shown.path for shown in self.lines}}
        numbers = {shown: number for number, shown in enumerate(self.lines, 1)}
        for function in self.functions:
            if (function.path, function.owner) != (path, owner):
                path, owner = function.path, function.owner
                told.append(f"{path}{f' class {owner}' if owner else ''}")
            ours = (Shown(path, n) for n in range(function.first, function.last + 1))
            told += [f"{numbers[shown]} {lines[path][shown.line - 1]}" for shown in ours if shown in numbers]
        return "\n".join(told)


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
