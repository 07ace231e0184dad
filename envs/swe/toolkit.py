"""The tools of the surface `tools`, over a workspace: their parameters are those that an agent gives."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

from agentrl.envs.swe.testing import ROOT, run_tests
from agentrl.envs.swe.workspace import Workspace
from agentrl.sandboxes.spec import MiB

WINDOW = 80
"""Lines that `open` shows."""
MATCHES = 40
"""Lines that `search` shows."""
TESTS_S = 60.0
_FAILING = 20
_LOG_CHARS, _LINE_CHARS = 3_000, 300
_FILE = 2 * MiB


class ToolError(ValueError):
    """A tool cannot do that; the message is for the agent."""


class Toolkit:
    """Every method is a tool, returns what to tell the agent, and raises `ToolError`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def open(self, path: str, line: int = 1) -> str:
        lines = (await self._read(path)).splitlines()
        first = max(1, min(line, len(lines) - WINDOW + 1))
        return f"{path}, {len(lines)} lines\n{_numbered(lines, first, first + WINDOW - 1)}".rstrip()

    async def search(self, pattern: str) -> str:
        if not pattern.isprintable():
            raise ToolError("a pattern is one line of printable characters")
        grep = f"grep -rnIE --exclude-dir='.[!.]*' --exclude-dir=__pycache__ -e {shlex.quote(pattern)} ."
        done = await self._workspace.sandbox.run(f"{grep} | sort -t: -k1,1 -k2,2n", 10, workdir=str(ROOT))
        if done.stderr or not done.ok:
            reason = done.stderr.decode(errors="replace").strip() or "it took too long"
            raise ToolError(f"the search failed: {reason[:_LINE_CHARS]}")
        found = [line.removeprefix("./")[:_LINE_CHARS] for line in done.stdout.decode(errors="replace").splitlines()]
        if len(found) > MATCHES:
            found = [*found[:MATCHES], f"{len(found) - MATCHES} more"]
        return "\n".join(found) or "nothing found"

    async def edit(self, path: str, old: str, new: str) -> str:
        if not old:
            if await self._read_if_there(path):
                raise ToolError(f"{path} has text already: give that part of it which is to be replaced")
            await self._write(path, new)
            return f"wrote {path}"
        text = await self._read(path)
        if (count := text.count(old)) != 1:
            advice = "give more of it" if count else "open the file to see what it says"
            raise ToolError(f"the old text stands {count} times in {path}, not once: {advice}")
        at = text.index(old)
        return await self._edited(path, text[:at] + new + text[at + len(old) :], text.count("\n", 0, at) + 1, new)

    async def insert(self, path: str, line: int, text: str) -> str:
        before = (await self._read(path)).splitlines(keepends=True)
        if not 0 <= line <= len(before):
            raise ToolError(f"{path} has {len(before)} lines: give one from 0 to {len(before)}")
        if line and not before[line - 1].endswith("\n"):
            before[line - 1] += "\n"
        added = text if text.endswith("\n") else f"{text}\n"
        return await self._edited(path, "".join([*before[:line], added, *before[line:]]), line + 1, added)

    async def run_tests(self, tests: str = "") -> str:
        space = self._workspace
        run = await run_tests(space.sandbox, space.start.repository, tests.split() or None, TESTS_S)
        bad = [test for test, status in run.statuses.items() if status in ("failed", "error")]
        passed = sum(status == "passed" for status in run.statuses.values())
        told = [f"{passed} passed, {len(bad)} failed{f', {run.error}' if run.error else ''}", *bad[:_FAILING]]
        if bad or not run.statuses:
            told.append(_failures(run.log))
        return "\n".join(told)

    async def submit(self) -> str:
        return "submitted"

    async def _edited(self, path: str, text: str, line: int, new: str) -> str:
        """Write a file; what is new in it, from `line` on, is shown with a line above and below."""
        await self._write(path, text)
        return f"edited {path}\n{_numbered(text.splitlines(), line - 1, line + len(new.splitlines()))}"

    async def _read(self, path: str) -> str:
        try:
            return (await self._workspace.sandbox.read(_inside(path), limit=_FILE)).decode()
        except UnicodeDecodeError:
            raise ToolError(f"{path} is no text") from None
        except OSError as error:
            raise ToolError(f"{path}: {error.strerror or error}") from None

    async def _read_if_there(self, path: str) -> bytes:
        try:
            return await self._workspace.sandbox.read(_inside(path), limit=_FILE)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise ToolError(f"{path}: {error.strerror or error}") from None

    async def _write(self, path: str, text: str) -> None:
        mode = 0o755 if path in self._workspace.start.repository.executables else 0o644
        try:
            await self._workspace.sandbox.write(_inside(path), text.encode("utf-8", "replace"), mode=mode)
        except OSError as error:
            raise ToolError(f"{path}: {error.strerror or error}") from None


def _inside(path: str) -> PurePosixPath:
    """Where a file lies in the sandbox, given its path in the repository."""
    parts = PurePosixPath(path.removeprefix(f"{ROOT}/")).parts
    if not parts or not path.isprintable() or ".." in parts or parts[0] == "/":
        raise ToolError(f"{path[:_LINE_CHARS]!r} is no path of a file in the repository, as in 'src/a.py'")
    return ROOT.joinpath(*parts)


def _failures(log: str) -> str:
    """What pytest says of tests that failed, without its progress, its times and its summary, which is told already."""
    text = re.split(r"^=+ short test summary", log, maxsplit=1, flags=re.MULTILINE)[0]
    text = re.split(r"^=+ (?:FAILURES|ERRORS) =+\n", text, maxsplit=1, flags=re.MULTILINE)[-1].strip()
    half = _LOG_CHARS // 2
    return text if len(text) <= 2 * half else f"{text[:half]}\n[...]\n{text[-half:]}"


def _numbered(lines: list[str], first: int, last: int) -> str:
    """Lines with their numbers, both ends included, as far as there are such."""
    first, last = max(first, 1), min(last, len(lines))
    return "\n".join(f"{i}: {lines[i - 1][:_LINE_CHARS]}" for i in range(first, last + 1))
