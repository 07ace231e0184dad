"""Whether a bug makes a task: some test must turn from pass to fail and some must keep passing, twice in a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from agentrl.envs.swe.bugs.candidates import Candidate
from agentrl.envs.swe.failures import Failure, failures, title
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.testing import ROOT, TestRun, enough_s, run_tests
from agentrl.envs.swe.workshop import workshop
from agentrl.errors import ConfigError, SandboxError
from agentrl.sandboxes.handle import Handle

REASONS = {
    "no failure": "all tests pass",
    "nothing passes": "no test is left that passes",
    "no end": "a run did not come to its end in time",
    "flaky": "two runs differ",
}
"""Why a bug makes no task."""
_COPY_S = 60.0
_PATIENCE = 10.0
"""A bug is judged by processor time: how busy the machine is must not decide whether it makes a task."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a candidate."""

    fails: tuple[str, ...] = ()
    """The tests that turn from pass to fail, in the order of the run."""
    failure: Failure | None = None
    """How the first of them that says so fails."""
    rejected: str = ""
    """One of `REASONS`; "" if it makes a task."""


class Bench:
    """A sandbox that holds a repository, in which one candidate after another is tried."""

    def __init__(self, repository: Repository, kind: str, timeout_s: float) -> None:
        """
        Args:
            kind: of sandbox, see `workshop.PROVIDERS`.
            timeout_s: for one run of all tests, at most, processor time; `suite` may lower it.
        """
        self.repository, self.kind, self.timeout_s = repository, kind, timeout_s
        self._sandbox: Handle | None = None
        self._files: Mapping[str, bytes] = repository.files

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._give_up()

    async def suite(self) -> tuple[str, ...]:
        """The tests of the repository that pass, twice in a row.

        Raises:
            ConfigError: there are none; the message ends with what pytest says.
        """
        first, second = await self._run(self.repository.files), await self._run(self.repository.files)
        self.timeout_s = enough_s(max(first.seconds, second.seconds), self.timeout_s)
        stable = tuple(test for test, s in first.statuses.items() if s == second.statuses.get(test) == "passed")
        if not stable:
            said = "\n".join((first.error or first.log).strip().splitlines()[-15:])
            hint = "" if self.repository.requirements else "\nif packages are missing: agentrl swe build --install"
            raise ConfigError(f"no test of {self.repository.name} passes, so that nothing tells a bug:\n{said}{hint}")
        return stable

    async def judge(self, candidate: Candidate, suite: tuple[str, ...]) -> Verdict:
        """Try a candidate against the tests of `suite`."""
        first = await self._run(candidate.files)
        if first.error:
            return Verdict(rejected="no end")
        fails = _fails(first, suite)
        if not fails:
            return Verdict(rejected="no failure")
        if len(fails) == len(suite):
            return Verdict(rejected="nothing passes")
        second = await self._run(candidate.files)
        if second.error or _fails(second, suite) != fails:
            return Verdict(rejected="flaky")
        told = failures(first.log)
        return Verdict(fails, next((told[title(test)] for test in fails if title(test) in told), None))

    async def _run(self, files: Mapping[str, bytes]) -> TestRun:
        """All tests on these files; a sandbox in which a run left something is not used again."""
        if self._sandbox is None:
            self._sandbox = await workshop().acquire(self.kind, requirements=self.repository.requirements)
            unpacking = await self._sandbox.run(
                f"mkdir -p {ROOT} && exec tar -xmf - -C {ROOT}", _COPY_S, stdin=self.repository.archive()
            )
            if not unpacking.ok:
                raise SandboxError("setup_failed", f"cannot unpack {self.repository.key}: {unpacking.stderr!r:.500}")
        there = self._files
        put = {path: files.get(path) for path in {*files, *there} if files.get(path) != there.get(path)}
        self._files = files
        run = await run_tests(self._sandbox, self.repository, None, self.timeout_s, put=put, patience=_PATIENCE)
        if run.error or run.left or run.changed:
            await self._give_up()
        return run

    async def _give_up(self) -> None:
        if self._sandbox:
            await self._sandbox.close()
        self._sandbox, self._files = None, self.repository.files


def _fails(run: TestRun, suite: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(test for test in suite if run.statuses.get(test) != "passed")
