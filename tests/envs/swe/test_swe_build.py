"""From a repository to validated tasks, in real sandboxes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentrl.envs.swe import patches
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.sources import from_git
from agentrl.errors import ConfigError, UnknownNameError
from tests.conftest import require
from tests.envs.swe.tiny import FILES, checkout, need_processes, tiny

require("libcst")
from agentrl.envs.swe.bugs.candidates import COMBINED, Candidate, combined, planted
from agentrl.envs.swe.bugs.history import undone
from agentrl.envs.swe.bugs.modifiers import MODIFIERS
from agentrl.envs.swe.bugs.planting import Place
from agentrl.envs.swe.build import KINDS, Built, build, instances
from agentrl.envs.swe.validation import Bench, Verdict
from agentrl.envs.swe.workshop import workshop


@pytest.fixture(scope="module", autouse=True)
def sandboxes() -> Iterator[None]:
    need_processes()
    yield
    workshop().call(workshop().close())


@pytest.fixture(autouse=True)
def cache(sandboxes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTRL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(repository: Repository, **options: Any) -> Built:
    return workshop().call(build(repository, sandbox="process", **options))


def test_tasks_are_what_they_say() -> None:
    built = made(tiny(), limit=5)
    found = list(instances(built))
    assert len(found) == len({instance.instance_id for instance in found}) == 5
    assert len({candidate.kind for candidate, _ in built.kept}) >= 4

    async def outcomes(files: dict[str, bytes]) -> dict[str, str]:
        async with Bench(tiny(), "process", 30) as bench:
            return dict((await bench._run(files)).statuses)

    for instance in found:
        start = patches.apply(FILES, instance.bug_patch)
        assert patches.apply(start, instance.patch) == FILES
        assert instance.instance_id.startswith(f"someone__tally.{tiny().commit[:8]}.")
        assert (instance.repo, instance.base_commit) == ("someone/tally", tiny().commit)
        assert instance.problem_statement
    for instance in found[:2]:
        seen = workshop().call(outcomes(patches.apply(FILES, instance.bug_patch)))
        assert {test for test, status in seen.items() if status != "passed"} == set(instance.FAIL_TO_PASS)
        assert {test for test, status in seen.items() if status == "passed"} == set(instance.PASS_TO_PASS)
        assert instance.FAIL_TO_PASS
        assert instance.PASS_TO_PASS


def test_the_same_arguments_lead_to_the_same_tasks_and_nothing_is_tried_twice(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    first = made(tiny(), limit=3, jobs=2, progress=lambda tried, kept: told.append((tried, kept)))
    assert told[-1] == (first.tried, 3)
    [journal] = (cache / "swe" / "verdicts").iterdir()
    lines = journal.read_bytes()
    journal.write_bytes(lines + b'{"bug": "cut of')  # killed in the middle of a line

    async def no_sandbox(*_: object) -> None:
        raise AssertionError("this was tried before")

    monkeypatch.setattr(Bench, "judge", no_sandbox)
    again = made(tiny(), limit=3, jobs=1)
    assert list(instances(again)) == list(instances(first))
    assert again.tally == first.tally


def test_all_are_counted_with_the_reason() -> None:
    built = made(tiny(), kinds=["op_swap", "remove_loop"])
    tally = {kind: dict(counter) for kind, counter in built.tally.items()}
    assert sum(sum(counter.values()) for counter in tally.values()) == built.tried
    assert sum(counter.get("kept", 0) for counter in tally.values()) == len(built.kept)
    assert tally["op_swap"]["no failure"] >= 1  # 0 == whole
    assert tally["remove_loop"] == {"kept": 1}


def test_combined_bugs_are_made_of_two_that_are_known() -> None:
    repository = tiny()
    labels = [Place("tally/labels.py", "op_change_const", 0, variant) for variant in (0, 1)]
    count = [Place("tally/counting.py", "op_change_const", site, 0) for site in (0, 1)]
    kept = [planted(repository, place.modifier, [place]) for place in (*labels, *count)]
    both = list(combined(repository, kept, COMBINED, 24))
    assert {candidate.kind for candidate in both[:2]} == {"combine_file", "combine_module"}  # in turns
    assert len(both) == 5  # of 6 pairs, one of which is the same line twice
    for candidate in both:
        assert planted(repository, candidate.kind, candidate.places) == candidate
        for place in candidate.places:
            assert candidate.files[place.path] != repository.files[place.path]
    built = made(repository, kinds=["flip_operators", "combine_file"], limit=5)
    assert [candidate.kind for candidate, _ in built.kept][-1] == "combine_file"
    assert [candidate.kind for candidate in combined(repository, kept, ["combine_file"], 24)] == ["combine_file"]


def test_commits_are_undone(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "tally")
    repository = from_git(folder)
    [candidate] = undone(repository, folder)  # neither README.md nor the first commit, which all stands on
    assert candidate.files["tally/counting.py"] == repository.files["tally/counting.py"].replace(
        b"    if whole == 0:\n        return 0.0\n", b""
    )
    built = made(repository, kinds=["undo_commit"], checkout=folder)
    [(_, verdict)] = built.kept
    assert verdict.fails == ("tests/test_counting.py::test_share_of_nothing",)
    assert verdict.failure
    assert verdict.failure.reason == ("ZeroDivisionError: division by zero",)


MANY = b"""
import os, pytest
from tally.counting import total

@pytest.mark.parametrize("i", range(40))
def test_many(i):
    assert total([i]) == i
"""
FLAKY = MANY.replace(b"40", b"300").replace(b"total([i]) == i", b"os.urandom(1)[0] % 2")


def judged(repository: Repository, candidate: Candidate) -> str:
    async def judge() -> str:
        async with Bench(repository, "process", 2) as bench:
            return (await bench.judge(candidate, await bench.suite())).rejected

    return workshop().call(judge())


def changed(repository: Repository, old: bytes, new: bytes) -> Candidate:
    content = repository.files["tally/counting.py"]
    assert old in content
    return Candidate.of(repository, "bug", {**repository.files, "tally/counting.py": content.replace(old, new)})


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"result += number", b"result -= -number", "no failure"),
        (b"def share", b"def share_of", "nothing passes"),  # both files of tests import it, in the end
        (b"result = 0", b"while True: pass", "no end"),
        (b"result = 0", b"result = __import__('os').urandom(1)[0] % 2", "flaky"),
        (b"result = 0", b"result = 1", ""),
    ],
)
def test_what_makes_no_task_is_not_kept(old: bytes, new: bytes, reason: str) -> None:
    repository = tiny(tests__test_many_py=MANY) if reason == "flaky" else tiny()
    assert judged(repository, changed(repository, old, new)) == reason


def test_one_candidate_leaves_nothing_to_the_next() -> None:
    repository = tiny()
    litter = changed(repository, b"    result = 0\n", b"    open('tally/litter.py', 'w').close()\n    result = 1\n")
    other = Candidate.of(repository, "bug", {p: c for p, c in repository.files.items() if p != "tally/labels.py"})

    async def judge() -> None:
        async with Bench(repository, "process", 20) as bench:
            suite = await bench.suite()
            assert not (await bench.judge(litter, suite)).rejected
            assert await bench.judge(other, suite) == Verdict(("tests/test_labels.py::test_label_in_per_cent",))
            assert await bench.suite() == suite
            assert bench._sandbox
            done = await bench._sandbox.run("ls /workspace/repo/tally", 10)
            assert sorted(done.stdout.split()) == [b"__init__.py", b"counting.py", b"labels.py"]

    workshop().call(judge())


def test_flaky_and_failing_tests_are_no_part_of_the_suite() -> None:
    bad = b"def test_bad():\n    assert False\n\n\ndef test_skipped():\n    __import__('pytest').skip()\n"
    repository = tiny(tests__test_bad_py=bad, tests__test_many_py=FLAKY)

    async def suite(of: Repository = repository) -> tuple[str, ...]:
        async with Bench(of, "process", 20) as bench:
            return await bench.suite()

    found = workshop().call(suite())
    flaky = [test for test in found if "test_many" in test]
    assert len(flaky) < 110  # of 300 a quarter passes twice, half would pass once
    assert set(found) - set(flaky) == set(workshop().call(suite(tiny())))


def test_a_repository_without_a_passing_test_is_refused_in_pytests_words() -> None:
    repository = tiny(tests__conftest_py=b"import nothing_like_it\n")
    with pytest.raises(ConfigError, match=r"(?s)no test of someone/tally passes.*nothing_like_it"):
        made(repository)


def test_what_cannot_be_planted_is_told() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'op_change'"):
        made(tiny(), kinds=["op_chang"])
    with pytest.raises(ConfigError, match="combined bugs are made of single ones"):
        made(tiny(), kinds=["combine_file"])
    with pytest.raises(ConfigError, match="commits are undone in a checkout"):
        made(tiny(), kinds=["undo_commit"])
    assert set(KINDS) > set(MODIFIERS)
