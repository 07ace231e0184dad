"""Sandboxes in which tests of given files are run, one run after another."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.testing import TestRun, run_tests
from agentrl.errors import SandboxError
from agentrl.sandboxes.spec import Sandbox

USES = 1024
"""Runs in one sandbox, at most."""

Acquire = Callable[[], Awaitable[Sandbox]]
"""Gives a fresh sandbox; who asked for it closes it."""


class Testbed:
    """Runs tests. One for an event loop, and for repositories that need the same of a sandbox.

    A sandbox serves again, so that pytest need not be imported again, if the last run came to its end and left no
    trace: no process, no file but its own, nothing unusual asked of the interpreter. Its files are put right before
    every run. What fails in a sandbox that has served before is tried again in a fresh one.

    Args:
        acquire: where sandboxes come from.
        at_once: runs at one time; 0 for as many as there are cores.
        uses: runs in one sandbox; 1 for a fresh one each time.
    """

    __test__ = False  # not for pytest

    def __init__(self, acquire: Acquire, *, at_once: int = 0, uses: int = USES) -> None:
        self._acquire, self._uses = acquire, uses
        self._turns = asyncio.Semaphore(at_once or os.cpu_count() or 1)
        self._idle: list[_Place] = []

    async def run(
        self,
        repository: Repository,
        files: Mapping[str, bytes],
        tests: Sequence[str] | None,
        timeout_s: float,
        *,
        canary: bool = False,
    ) -> TestRun:
        """Run tests of a repository that has these files; arguments and errors as of `testing.run_tests`."""
        async with self._turns:
            if self._idle:
                with contextlib.suppress(SandboxError):
                    run = await self._run_in(self._nearest(repository), repository, files, tests, timeout_s, canary)
                    if not run.error.startswith("runner gone"):
                        return run
            place = _Place(await self._acquire())
            return await self._run_in(place, repository, files, tests, timeout_s, canary)

    async def close(self) -> None:
        """Close the sandboxes that it keeps."""
        places, self._idle = self._idle, []
        await asyncio.gather(*(place.sandbox.close() for place in places))

    def _nearest(self, repository: Repository) -> _Place:
        """An idle one, of the same repository if there is one: there is less to write and to compile."""
        near = (i for i, place in enumerate(self._idle) if place.repository == repository.key)
        return self._idle.pop(next(near, -1))

    async def _run_in(
        self,
        place: _Place,
        repository: Repository,
        files: Mapping[str, bytes],
        tests: Sequence[str] | None,
        timeout_s: float,
        canary: bool,
    ) -> TestRun:
        try:
            put = place.towards(files)
            run = await run_tests(place.sandbox, repository, tests, timeout_s, put=put, canary=canary)
        except BaseException:
            await place.sandbox.close()
            raise
        place.uses += 1
        if run.error or run.traces or place.uses >= self._uses:
            await place.sandbox.close()
        else:
            place.repository, place.files = repository.key, files
            self._idle.append(place)
        return run


@dataclass(slots=True)
class _Place:
    """A sandbox, and the repository's files that are in it."""

    sandbox: Sandbox
    repository: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    uses: int = 0

    def towards(self, files: Mapping[str, bytes]) -> dict[str, bytes | None]:
        """What to write and what to remove so that it has these files."""
        return {path: files.get(path) for path in {**self.files, **files} if self.files.get(path) != files.get(path)}
