"""From a repository to tasks: bugs are planted, tried on its tests, and told about."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from agentrl.envs.swe import patches
from agentrl.envs.swe.bugs.candidates import COMBINED, Candidate, combined, procedural
from agentrl.envs.swe.bugs.history import UNDONE, undone
from agentrl.envs.swe.bugs.modifiers import MODIFIERS
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.journal import Journal
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.statements import LeakError, Writer, from_model, from_template
from agentrl.envs.swe.validation import Bench, Verdict
from agentrl.errors import ConfigError, SandboxError, UnknownNameError

KINDS = (*MODIFIERS, *COMBINED, UNDONE)
SEED = 24
"""SWE-smith's."""
_COMBINED_SHARE = 5
"""One in so many tasks is a combined one, where they are wanted."""

Progress = Callable[[int, int], None]
"""Told how many were tried and kept so far."""


@dataclass(slots=True)
class Built:
    """What came of a repository."""

    repository: Repository
    suite: tuple[str, ...] = ()
    """Its tests that pass."""
    kept: list[tuple[Candidate, Verdict]] = field(default_factory=list)
    tally: dict[str, Counter[str]] = field(default_factory=dict)
    """Of each kind, how many candidates were `kept`, or why not (`validation.REASONS`)."""
    seconds: float = 0.0

    @property
    def tried(self) -> int:
        return sum(sum(counter.values()) for counter in self.tally.values())


async def build(
    repository: Repository,
    *,
    kinds: Collection[str] = KINDS,
    limit: int | None = None,
    seed: int = SEED,
    jobs: int = 2,
    sandbox: str = "auto",
    timeout_s: float = 60.0,
    checkout: Path | None = None,
    progress: Progress = lambda tried, kept: None,
) -> Built:
    """Try bugs until `limit` of them make tasks, or all are tried. The same arguments lead to the same tasks.

    What was tried before, by whatever process, is not tried again. To be awaited in the workshop's loop:
    `workshop().call(build(…))`.

    Args:
        kinds: of `KINDS`; `undo_commit` needs a checkout and is left out without one.
        jobs: sandboxes at work.
        sandbox: of `workshop.PROVIDERS`.
        timeout_s: for one run of all tests, processor time.
        checkout: that the repository is from.

    Raises:
        ConfigError: no test of the repository passes; or no kind is left.
        UnknownNameError: there is no such kind.
        SandboxError: sandboxes fail.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise UnknownNameError("modifier", kind, KINDS)
    singles = [kind for kind in kinds if kind in MODIFIERS]
    pairs = [kind for kind in kinds if kind in COMBINED]
    history = undone(repository, checkout) if checkout and UNDONE in kinds else iter(())
    if not singles and not (checkout and UNDONE in kinds):
        raise ConfigError(
            f"nothing to plant with {', '.join(kinds) or 'no modifier'}: combined bugs are made of single ones, "
            "and commits are undone in a checkout"
        )
    begun = time.monotonic()
    async with Bench(repository, sandbox, timeout_s) as bench:
        suite = await bench.suite()
    work = _Work(Built(repository, suite), Journal(repository, suite), jobs, sandbox, bench.timeout_s, progress)
    share = 0 if not pairs else (limit or 0) // _COMBINED_SHARE
    await work.through(chain(history, procedural(repository, singles, seed)), limit and limit - share)
    if pairs:
        left = len(work.built.kept) // (_COMBINED_SHARE - 1) if limit is None else limit - len(work.built.kept)
        found = [candidate for candidate, _ in work.built.kept]
        await work.through(combined(repository, found, pairs, seed), left)
    work.built.seconds = time.monotonic() - begun
    return work.built


def instances(built: Built, writer: Writer | None = None) -> Iterator[Instance]:
    """The tasks, with statements from templates, or by a language model.

    Those whose statement cannot but give the fix away are left out, and so counted in the tally.
    """
    for candidate, verdict in built.kept:
        try:
            yield to_instance(built.repository, built.suite, candidate, verdict, writer)
        except LeakError:
            built.tally[candidate.kind].subtract(["kept"])
            built.tally[candidate.kind]["leak"] += 1


def to_instance(
    repository: Repository,
    suite: Collection[str],
    candidate: Candidate,
    verdict: Verdict,
    writer: Writer | None = None,
) -> Instance:
    """One task.

    Raises:
        LeakError: its statement gives the fix away.
    """
    told = (repository, candidate, verdict.fails, verdict.failure)
    return Instance(
        instance_id=f"{repository.key}.{candidate.kind}__{candidate.key}",
        repo=repository.name,
        base_commit=repository.commit,
        patch=patches.diff(candidate.files, repository.files),
        problem_statement=from_model(*told, writer) if writer else from_template(*told),
        FAIL_TO_PASS=verdict.fails,
        PASS_TO_PASS=tuple(test for test in suite if test not in set(verdict.fails)),
        bug_patch=candidate.bug_patch,
    )


@dataclass(slots=True)
class _Work:
    """Candidates on their way through several sandboxes."""

    built: Built
    journal: Journal
    jobs: int
    sandbox: str
    timeout_s: float
    progress: Progress

    async def through(self, candidates: Iterator[Candidate], limit: int | None) -> None:
        """Try them in turns until so many more are kept."""
        found: dict[int, tuple[Candidate, Verdict]] = {}
        numbered = enumerate(candidates)
        counted = kept = 0  # of those whose predecessors are all decided, so that the outcome hangs on no timing

        async def job() -> None:
            nonlocal counted, kept
            async with Bench(self.built.repository, self.sandbox, self.timeout_s) as bench:
                while limit is None or kept < limit:
                    number, candidate = next(numbered, (0, None))
                    if candidate is None:
                        return
                    found[number] = candidate, await self._verdict(bench, candidate)
                    while counted in found and (limit is None or kept < limit):
                        kept += self._count(*found.pop(counted))
                        counted += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(self.jobs):
                group.create_task(job())

    async def _verdict(self, bench: Bench, candidate: Candidate) -> Verdict:
        if verdict := self.journal.get(candidate):
            return verdict
        try:
            verdict = await bench.judge(candidate, self.built.suite)
        except SandboxError:
            verdict = await bench.judge(candidate, self.built.suite)  # in a fresh one: was it that, or the candidate?
        self.journal.put(candidate, verdict)
        return verdict

    def _count(self, candidate: Candidate, verdict: Verdict) -> bool:
        self.built.tally.setdefault(candidate.kind, Counter())[verdict.rejected or "kept"] += 1
        if not verdict.rejected:
            self.built.kept.append((candidate, verdict))
        self.progress(self.built.tried, len(self.built.kept))
        return not verdict.rejected
