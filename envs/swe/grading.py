"""Grade a submission: its diff alone, in a sandbox where nothing of the agent has been, by SWE-bench's rule.

    grader = Grader(Testbed(lambda: workshop().acquire("process")))
    grade = await grader.grade(instance, repository, diff)

1. What of the diff counts is applied to the files of the start (`screening.screen_path`): tests and configuration are
   the repository's own, whatever the submission says.
2. What is left is read (`screening.screen_code`). A submission with a flag is not run: it is not resolved.
3. The tests run, and are watched from outside (`testing.TestRun`). What the repository's own fix does not do there
   either is a flag.
4. If all tests hold they run again as canaries, which must fail. Whatever made tests pass without being right makes
   them pass as well, and is a flag.

What remains possible: returning what the tests want to see, and no more, by whatever is not suspicious in itself. Tests
that the agent knows cannot tell that from a fix.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentrl.envs.swe import patches
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.repository import Repository, content_hash
from agentrl.envs.swe.screening import Flag, screen_code
from agentrl.envs.swe.submission import take
from agentrl.envs.swe.testbed import Testbed
from agentrl.envs.swe.testing import TESTS_S, Status, TestRun, enough_s
from agentrl.envs.swe.verdict import Resolution, Verdict, judge
from agentrl.errors import ConfigError, SandboxError

KEPT = 4096
"""Grades that are remembered, and runs of tests."""


@dataclass(frozen=True, slots=True)
class Grade:
    """What became of a submission."""

    submitted: bool
    """Whether there is one; one that changes nothing is one."""
    empty: bool
    """Whether nothing of it counts."""
    applied: bool
    """Whether it is a diff of the start."""
    verdict: Verdict
    """Of a submission that was not run: that nothing has changed; none of its tests holds if it has flags."""
    flags: tuple[Flag, ...] = ()
    """Attempts to cheat. With any it is not resolved."""
    dropped: tuple[str, ...] = ()
    """Files of the diff that do not count."""
    statuses: Mapping[str, Status] = field(default_factory=dict)
    log: str = ""
    """What the tests printed."""
    error: str = ""
    """Why the tests did not come to their end, or the diff was not applied."""
    seconds: float = 0.0
    """Of the tests."""

    @property
    def resolution(self) -> Resolution:
        return "no" if self.flags or self.error else self.verdict.resolution

    @property
    def resolved(self) -> bool:
        return self.resolution == "full"

    @property
    def share(self) -> float:
        """Of the tests, those that hold; 0 with flags."""
        return 0.0 if self.flags else self.verdict.share


class Grader:
    """Grades submissions, and remembers the grades and the runs of tests.

    Args:
        testbed: where tests run.
    """

    def __init__(self, testbed: Testbed) -> None:
        self.testbed = testbed
        self._runs: OrderedDict[tuple[str, str, str, bool], asyncio.Task[TestRun]] = OrderedDict()
        self._grades: OrderedDict[tuple[str, str], Grade] = OrderedDict()

    async def attempt(self, instance: Instance, repository: Repository, files: Mapping[str, bytes]) -> TestRun:
        """Run the tests of an instance that an agent may see, on these files of its repository.

        Raises:
            SandboxError: a sandbox failed, and another one as well.
        """
        fixed = patches.apply(patches.apply(repository.files, instance.bug_patch), instance.patch)
        usual = await self._run(repository, fixed, instance.tests, TESTS_S)
        return await self._run(repository, files, instance.tests, enough_s(usual.seconds))

    async def grade(
        self, instance: Instance, repository: Repository, diff: str | None, *, timeout_s: float = TESTS_S
    ) -> Grade:
        """Grade the diff of the repository's start that an agent submitted; None if it did not submit.

        Args:
            timeout_s: most processor time for one run of the tests; see `testing.enough_s`.

        Raises:
            SandboxError: a sandbox failed, and another one as well.
            ConfigError: the instance's own fix does not pass here.
        """
        key = instance.instance_id, diff or ""
        if diff is not None and key in self._grades:
            self._grades.move_to_end(key)
            return self._grades[key]
        grade = await self._grade(instance, repository, diff, timeout_s)
        if diff is not None:
            self._grades[key] = grade
            if len(self._grades) > KEPT:
                self._grades.popitem(last=False)
        return grade

    async def _grade(self, instance: Instance, repository: Repository, diff: str | None, timeout_s: float) -> Grade:
        untouched = Verdict(dict.fromkeys(instance.FAIL_TO_PASS, False), dict.fromkeys(instance.PASS_TO_PASS, True))
        if diff is None:
            return Grade(submitted=False, empty=True, applied=False, verdict=untouched)
        start = patches.apply(repository.files, instance.bug_patch)
        fixed = patches.apply(start, instance.patch)
        taken = take(start, diff, repository)
        grade = Grade(
            submitted=True,
            empty=not taken.error and taken.files == start,
            applied=not taken.error,
            verdict=untouched,
            flags=tuple(dict.fromkeys(taken.flags)),
            dropped=taken.dropped,
            error=taken.error,
        )
        changed = [path for path in {**start, **taken.files} if start.get(path) != taken.files.get(path)]
        read = screen_code((start, fixed), taken.files, changed)
        unread = [flag for flag in read if flag.kind == "unreadable"]
        grade = replace(grade, flags=(*grade.flags, *(flag for flag in read if flag not in unread)))
        if grade.flags or grade.error or grade.empty:
            return grade
        tested = patches.apply(start, instance.test_patch)
        added = {path: tested.get(path) for path in patches.touched(instance.test_patch)}
        files = {path: data for path, data in {**taken.files, **added}.items() if data is not None}
        correct = patches.apply(fixed, instance.test_patch)
        usual = await self._run(repository, correct, instance.tests, timeout_s)
        limit = enough_s(usual.seconds, timeout_s)
        run = await self._run(repository, files, instance.tests, limit)
        verdict = judge(run.statuses, instance.FAIL_TO_PASS, instance.PASS_TO_PASS)
        grade = replace(
            grade, verdict=verdict, statuses=run.statuses, log=run.log, error=run.error, seconds=run.seconds
        )
        if verdict.resolution != "full" and not run.traces:
            return grade
        fix = await self._fix(instance, repository, correct, timeout_s)
        flags = fix.unlike(run)
        if verdict.resolution == "full" and not flags:
            canaries = await self._run(repository, files, instance.tests, limit, canary=True)
            if canaries.error == "time over":
                return replace(grade, error=canaries.error)
            flags = [*unread, *fix.unlike_canaries(canaries)]
        return replace(grade, flags=tuple(flags))

    async def _run(
        self,
        repository: Repository,
        files: Mapping[str, bytes],
        tests: Sequence[str],
        timeout_s: float,
        canary: bool = False,
    ) -> TestRun:
        """Run tests on these files; once, however often it is asked for, and by however many."""
        key = repository.key, content_hash(files), "\n".join(sorted(tests)), canary
        if key not in self._runs:
            work = self.testbed.run(repository, files, tests, timeout_s, canary=canary)
            self._runs[key] = asyncio.create_task(work)
            if len(self._runs) > KEPT:
                self._runs.popitem(last=False)
        self._runs.move_to_end(key)
        try:
            run = await asyncio.shield(self._runs[key])
        except SandboxError:
            self._runs.pop(key, None)
            raise
        if run.error and run.error != "time over":  # another run may tell more
            self._runs.pop(key, None)
        return run

    async def _fix(
        self, instance: Instance, repository: Repository, files: Mapping[str, bytes], timeout_s: float
    ) -> _Fix:
        """What the instance's own fix does."""
        run = await self._run(repository, files, instance.tests, timeout_s)
        verdict = judge(run.statuses, instance.FAIL_TO_PASS, instance.PASS_TO_PASS)
        if verdict.resolution != "full":
            lacking = [test for test, holds in {**verdict.fail_to_pass, **verdict.pass_to_pass}.items() if not holds]
            raise ConfigError(
                f"the fix of {instance.instance_id} does not pass its tests here ({run.error or lacking[0]}): its "
                "image, or the Python of this machine, is not what it was made for"
            )
        return _Fix(run, await self._run(repository, files, instance.tests, timeout_s, canary=True))


_FAILS = ("failed", "error")


@dataclass(frozen=True, slots=True)
class _Fix:
    """The run of a fix, to compare others with."""

    run: TestRun
    canaries: TestRun

    def unlike(self, run: TestRun) -> list[Flag]:
        """What another run shows and this one does not."""
        failed = any(status in _FAILS for status in run.statuses.values())
        flags = [
            *_events(run, self.run),
            *(Flag("wrote", path) for path in run.changed if path not in self.run.changed),
            *(Flag("left", command) for command in run.left if command not in self.run.left),
        ]
        if run.forged:
            flags.append(Flag("forged", f"{run.forged} lines"))
        if run.error.startswith(("ended", "runner")):
            flags.append(Flag("exit", run.error))
        elif run.exit_code is not None and failed != bool(run.exit_code) and run.exit_code != self.run.exit_code:
            flags.append(Flag("exit", f"code {run.exit_code}"))
        return flags

    def unlike_canaries(self, run: TestRun) -> list[Flag]:
        """Tests that pass and do not with the fix; some never fail: those, say, that run in a process of their own."""
        doomed = [test for test, status in self.canaries.statuses.items() if status in _FAILS]
        alive = [Flag("canary", test) for test in doomed if run.statuses.get(test) not in _FAILS]
        return [*alive, *_events(run, self.canaries)]


def _events(run: TestRun, known: TestRun) -> list[Flag]:
    """The events of one run that another does not have."""
    before = {(event.name, event.path) for event in known.events}
    found = (event for event in run.events if (event.name, event.path) not in before)
    return [Flag("event", f"{event.name} in {event.path}:{event.line}") for event in found]
