"""Run the tests of a repository in a sandbox, in tens of milliseconds.

    run = await run_tests(sandbox, repository, None, timeout_s=30)      # all; or the ids of some
    run.statuses["tests/test_interval.py::test_overlap"]                # "passed"

In the sandbox `runner/` has pytest imported and forks for every run. It starts with the first run, and goes with the
sandbox. `run_plainly` is a fresh `python -m pytest` instead, whose log is read, for images whose Python is not ours.
"""

from __future__ import annotations

import asyncio
import json
import weakref
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.runner import program
from agentrl.envs.swe.toolbox import SITE
from agentrl.errors import SandboxError
from agentrl.sandboxes.spec import MiB, Sandbox

Status = Literal["passed", "failed", "error", "skipped", "xfail", "xpass"]
"""How a test ended; `error` is one outside of the test itself: in a fixture, say."""

ROOT = PurePosixPath("/workspace/repo")
"""Where a repository lies in a sandbox."""
MEMORY = 768 * MiB
"""Bytes of address space for the process of a run."""
TESTS_S = 60.0
"""Most processor time for one run of the tests of a task."""
LEAST_S, TIMES = 3.0, 10.0
"""A run may take that long, or so many times as long as without a bug: bugs love endless loops."""
PATIENCE = 5.0
"""How many times as long it may take by the clock: a busy machine must not decide what a test says."""
START_S = 60.0
"""In which the runner imports pytest."""
GRACE_S = 10.0
"""Beyond the time limit of a run, in which the runner must have kept it."""


def enough_s(usual_s: float, most_s: float = TESTS_S) -> float:
    """Processor time to allow a run of tests that take so long without a bug."""
    return min(most_s, max(LEAST_S, TIMES * usual_s))


_SOCKET = PurePosixPath("/tmp/.runner")
_ANSWER_BYTES = 32 * MiB


@dataclass(frozen=True, slots=True)
class Event:
    """Something unusual that code of the repository, not of its tests, asked of the interpreter."""

    name: str
    """Of the audit event, e.g. `sys._getframe`."""
    path: str
    """Relative to the repository."""
    line: int


@dataclass(frozen=True, slots=True)
class TestRun:
    """One run of tests, and what was seen of it from outside."""

    __test__ = False  # not for pytest

    statuses: dict[str, Status]
    """By pytest's node id, in the order of the run; what it did not get to is missing."""
    log: str
    """What was printed; of much the beginning and the end."""
    seconds: float
    error: str = ""
    """Why the run did not come to its end: `time over`, `ended by signal 9`, `ended before its time`, `runner gone`."""
    exit_code: int | None = None
    """pytest's, if it came to its end."""
    events: tuple[Event, ...] = ()
    forged: int = 0
    """Lines in the channel of results that the runner did not write."""
    left: tuple[str, ...] = ()
    """Command lines of processes that had to be killed at the end."""
    changed: tuple[str, ...] = ()
    """Files that were written, made or removed, by absolute path; those in the run's own folder for them aside."""

    @property
    def traces(self) -> bool:
        """Whether there is anything to be looked at beside how the tests ended."""
        died = self.error.startswith(("ended", "runner"))
        return bool(self.events or self.forged or self.left or self.changed or died)


async def run_tests(
    sandbox: Sandbox,
    repository: Repository,
    tests: Sequence[str] | None,
    timeout_s: float,
    *,
    root: PurePosixPath = ROOT,
    put: Mapping[str, bytes | None] | None = None,
    canary: bool = False,
    patience: float = PATIENCE,
) -> TestRun:
    """Run tests of the repository that lies at `root`, whatever has become of its files.

    Args:
        tests: pytest's node ids; what is not there is missing in the answer. None for all in `repository.test_paths`.
        timeout_s: for the whole run, processor time; what ended before that counts.
        patience: how many times `timeout_s` it may take by the clock.
        put: files to write first, relative to `root`, and those to remove: None.
        canary: have each test fail in the end. Who makes them pass makes other tests pass as well.

    Raises:
        SandboxError: the sandbox failed, or its Python has no pytest.
    """
    request = {
        "root": str(root),
        "python_path": repository.python_path,
        "paths": repository.test_paths,
        "tests": None if tests is None else list(tests),
        "put": {path: None if data is None else b64encode(data).decode() for path, data in (put or {}).items()},
        "executable": sorted(repository.executables),
        "canary": canary,
        "plugins": bool(repository.requirements),
        "processor_s": timeout_s,
        "clock_s": timeout_s * patience,
        "memory": MEMORY,
        "watched": [*sandbox.spec.writable, "/dev/shm"],
    }
    runner = _runners.setdefault(sandbox, _Runner())
    async with runner.turn:
        try:
            answer = await runner.ask(sandbox, request, timeout_s * patience + GRACE_S)
        except (OSError, asyncio.IncompleteReadError) as error:
            runner.writer = None
            await sandbox.run("true", GRACE_S)  # or is it the sandbox that is gone?
            return TestRun({}, "", timeout_s, error=f"runner gone: {error}")
    return TestRun(
        statuses=answer["statuses"],
        log=answer["log"],
        seconds=answer["seconds"],
        error=answer["error"],
        exit_code=answer["exit_code"],
        events=tuple(Event(*event) for event in answer["events"]),
        forged=answer["forged"],
        left=tuple(answer["left"]),
        changed=tuple(answer["changed"]),
    )


@dataclass(slots=True)
class _Runner:
    """The way to the runner of a sandbox."""

    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ask(self, sandbox: Sandbox, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        if self.writer is None:
            await self._start(sandbox)
        assert self.reader
        assert self.writer
        self.writer.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(timeout_s):
            await self.writer.drain()
            answer: dict[str, Any] = json.loads(await self.reader.readuntil(b"\n"))
        return answer

    async def _start(self, sandbox: Sandbox) -> None:
        """Start it, and connect. The program is handed over as an argument, so that no file of it lies about."""
        done = await sandbox.run(_START, START_S, stdin=program(), workdir="/")
        if not done.ok:
            reason = done.stderr[-2000:].decode(errors="replace").strip() or "no answer"
            raise SandboxError("setup_failed", f"tests cannot be run in {sandbox.name}: {reason}")
        path = await sandbox.socket(_SOCKET, timeout_s=GRACE_S)
        self.reader, self.writer = await asyncio.open_unix_connection(path, limit=_ANSWER_BYTES)


_ENVIRONMENT = "LANG=C.UTF-8 PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PYTHONNOUSERSITE=1"
_START = f'code=$(cat) && exec env -i PATH="$PATH" {_ENVIRONMENT} python3 -c "$code" {_SOCKET} {SITE}'

_runners: weakref.WeakKeyDictionary[Sandbox, _Runner] = weakref.WeakKeyDictionary()
