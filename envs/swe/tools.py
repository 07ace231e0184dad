"""The surface `tools`: each action is a call of a tool, with a terse answer."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping

from agentrl.envs.swe.calls import CallError, parse
from agentrl.envs.swe.surface import InSandbox, Move
from agentrl.envs.swe.toolkit import ToolError, Toolkit
from agentrl.envs.swe.workspace import Workspace

MANUAL = """You repair a Python repository by calls of tools, one in each action:
open({"path": "a.py", "line": 1}) shows a file from a line on
search({"pattern": "def .*total"}) finds lines by a regular expression
edit({"path": "a.py", "old": "x = 1", "new": "x = 2"}) replaces text that stands there exactly once; with an empty old \
text it makes a file
insert({"path": "a.py", "line": 3, "text": "y = 1"}) adds lines after a line; 0 is the beginning
run_tests({"tests": ""}) runs all tests, or those named, with spaces between
submit({}) ends the work
Files of tests must stay as they are.
"""
TOOLS = ("open", "search", "edit", "insert", "run_tests", "submit")


class ToolsSurface(InSandbox):
    """A sandbox and its tools."""

    manual = MANUAL

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        toolkit = Toolkit(workspace)
        self.tools = {name: getattr(toolkit, name) for name in TOOLS}

    def act(self, action: str) -> Move:
        try:
            name, arguments = parse(action, self.tools)
        except CallError as error:
            return Move(f"error: {error}", problem="format")
        try:
            text = self.workspace.shop.call(self.tools[name](**arguments))
        except ToolError as error:
            return Move(f"error: {error}", problem="tool")
        return Move(text, submit=name == "submit")

    def oracle(self, solved: Mapping[str, bytes]) -> Iterator[str]:
        now = self.files()
        for path in sorted(solved):
            before, after = now.get(path, b"").decode(), solved[path].decode()
            for old, new in replacements(before, after):
                yield f"edit({json.dumps({'path': path, 'old': old, 'new': new})})"
        yield "submit({})"


def replacements(before: str, after: str) -> list[tuple[str, str]]:
    """Replacements of text that stands exactly once, which make `after` of `before` one after the other."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for context in range(len(old) + 2):
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)  # grouping changes what it has found
        found, text = [], before
        for hunk in matcher.get_grouped_opcodes(context):
            one = "".join(old[hunk[0][1] : hunk[-1][2]])
            other = "".join(new[hunk[0][3] : hunk[-1][4]])
            if text.count(one) != 1 and text:
                break
            found.append((one, other))
            text = text.replace(one, other) if text else other
        else:
            if text == after:
                return found
    raise AssertionError("with all lines for context the whole text is replaced")
