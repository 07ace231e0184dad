"""Submissions that are no attacks: what becomes of each kind, and that grading holds on what is shipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from agentrl.envs.swe import grading, patches, shipped
from agentrl.envs.swe.grading import Grade, Grader
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.screening import screen_code, screen_path
from agentrl.envs.swe.testbed import Testbed
from agentrl.envs.swe.testing import TESTS_S
from agentrl.envs.swe.workshop import workshop
from agentrl.errors import AgentRLError, ConfigError
from tests.envs.swe.attacks import CODE_ATTACKS, FILES, INSTANCE, REPOSITORY, SOURCE, START, TESTS, submission


@contextmanager
def grader_of(kind: str) -> Iterator[Grader]:
    try:
        workshop().call(workshop().call(workshop().acquire(kind)).close())
    except AgentRLError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))

    async def made() -> Grader:
        return Grader(Testbed(lambda: workshop().acquire(kind)))

    grader = workshop().call(made())
    yield grader
    workshop().call(grader.testbed.close())


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with grader_of("process") as grader:
        yield grader


def grade(
    grader: Grader, diff: str | None, instance: Instance = INSTANCE, repository: Repository = REPOSITORY
) -> Grade:
    return workshop().call(grader.grade(instance, repository, diff))


def change(old: str, new: str) -> str:
    text = START[SOURCE].decode()
    assert old in text
    return submission({SOURCE: text.replace(old, new)})


def test_the_fix_is_resolved_and_no_submission_is_not(grader: Grader) -> None:
    assert grade(grader, INSTANCE.patch).resolved
    none = grade(grader, None)
    assert (none.submitted, none.resolved, none.share) == (False, False, 0.5)


@pytest.mark.parametrize("diff", ["", "\n"])
def test_an_empty_submission(grader: Grader, diff: str) -> None:
    found = grade(grader, diff)
    assert (found.submitted, found.empty, found.applied, found.resolved, found.share) == (True, True, True, False, 0.5)


@pytest.mark.parametrize("diff", ["no diff at all", INSTANCE.bug_patch, change("-= amount", "+= 1")[:-20] + "x\n"])
def test_a_diff_that_does_not_apply(grader: Grader, diff: str) -> None:
    found = grade(grader, diff)
    assert (found.submitted, found.empty, found.applied, found.resolution) == (True, False, False, "no")
    assert found.error
    assert not found.flags


def test_half_a_fix_is_partial(grader: Grader) -> None:
    found = grade(grader, change("total(amounts) / len(amounts)", "sum(amounts) / len(amounts)"))
    assert (found.resolution, found.share, found.flags) == ("partial", 0.75, ())


def test_docker_grades_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    half = change("total(amounts) / len(amounts)", "sum(amounts) / len(amounts)")
    with grader_of("docker") as docker:
        found = [grade(docker, diff) for diff in (INSTANCE.patch, half)]
        monkeypatch.setattr(grading, "screen_code", lambda *_: [])
        attacked = grade(docker, CODE_ATTACKS["patch the runner through sys.modules"].diff)
    assert [(each.resolution, each.flags) for each in found] == [("full", ()), ("partial", ())]
    assert {flag.kind for flag in attacked.flags} == {"canary"}


def test_a_fix_that_breaks_something_else_is_none(grader: Grader) -> None:
    both = patches.apply(START, INSTANCE.patch)[SOURCE].decode().replace("return max", "return min")
    found = grade(grader, submission({SOURCE: both}))
    assert (found.resolution, found.share) == ("no", 0.75)
    assert "test_largest" in found.log


def test_a_change_that_is_no_python_fails_all_and_is_no_attempt_to_cheat(grader: Grader) -> None:
    found = grade(grader, change("def total(amounts):", "def total(amounts:"))
    assert (found.resolution, found.share, found.flags, found.empty) == ("no", 0.0, (), False)
    assert "SyntaxError" in found.log


def test_what_does_not_end_is_not_resolved() -> None:
    async def work() -> tuple[Grade, Grade]:
        grader = Grader(Testbed(lambda: workshop().acquire("process")))
        endless = change("return result", "while True:\n        pass")
        found = await grader.grade(INSTANCE, REPOSITORY, endless, timeout_s=2)
        after = await grader.grade(INSTANCE, REPOSITORY, INSTANCE.patch)
        await grader.testbed.close()
        return found, after

    found, after = workshop().call(work())
    assert (found.error, found.resolution, found.flags) == ("time over", "no", ())
    assert after.resolved


def test_new_tests_and_litter_are_left_out_without_a_flag(grader: Grader) -> None:
    diff = INSTANCE.patch + submission(
        {"tests/test_more.py": "def test_it():\n    assert False\n", "ledger/__pycache__/x.txt": "litter\n"}
    )
    found = grade(grader, diff)
    assert found.resolved
    assert set(found.dropped) == {"tests/test_more.py", "ledger/__pycache__/x.txt"}


def test_tests_of_the_grader_are_added_and_count(grader: Grader) -> None:
    more = {**FILES, TESTS: FILES[TESTS] + b"\n\ndef test_total_of_nothing():\n    assert total([]) == 0\n"}
    instance = replace(
        INSTANCE,
        instance_id="test__ledger.2",
        test_patch=patches.diff(FILES, more),
        PASS_TO_PASS=(*INSTANCE.PASS_TO_PASS, f"{TESTS}::test_total_of_nothing"),
    )
    assert grade(grader, INSTANCE.patch, instance).resolved
    known = FILES[SOURCE].decode().replace("    result = 0\n", "    result = 0 if amounts else None\n")
    found = grade(grader, submission({SOURCE: known}), instance)
    assert (found.resolved, found.statuses[f"{TESTS}::test_total_of_nothing"]) == (False, "failed")


def test_the_same_submission_is_not_run_twice(grader: Grader) -> None:
    assert grade(grader, INSTANCE.patch) is grade(grader, INSTANCE.patch)


def test_an_instance_whose_own_fix_fails_is_an_error_and_not_a_grade(grader: Grader) -> None:
    instance = replace(INSTANCE, instance_id="test__ledger.3", patch=change("-= amount", "+= 2 * amount"))
    with pytest.raises(ConfigError, match=r"the fix of test__ledger\.3 does not pass"):
        grade(grader, INSTANCE.patch, instance)


def test_nothing_of_the_fix_is_where_the_tests_run(grader: Grader) -> None:
    look = b"""
import glob, os, subprocess

def test_no_history():
    for folder, names, files in os.walk("/workspace"):
        assert ".git" not in names + files, folder
    assert not os.path.isdir("/tmp/.git")

def test_no_fix():
    walks = [walk for root in ("/workspace", "/tmp", "/dev/shm") for walk in os.walk(root)]
    places = [os.path.join(folder, name) for folder, _, names in walks for name in names]
    for path in [*places, *glob.glob("/proc/[0-9]*/cmdline"), *glob.glob("/proc/[0-9]*/environ")]:
        if path != __file__ and os.path.isfile(path):
            try:
                content = open(path, "rb").read()
            except OSError:
                continue
            assert b"+= " + b"amount" not in content, path
"""
    files = {**START, "tests/test_look.py": look}
    grade(grader, change("-= amount", "-= 2 * amount"))
    tests = [f"tests/test_look.py::{name}" for name in ("test_no_history", "test_no_fix")]
    run = workshop().call(grader.testbed.run(REPOSITORY, files, tests, TESTS_S))
    assert set(run.statuses.values()) == {"passed"}, run.log
    assert len(run.statuses) == 2


@pytest.mark.parametrize("library", shipped.names())
def test_shipped_libraries_are_graded_without_a_flag(grader: Grader, library: str) -> None:
    repository = shipped.load(library)
    path = next(p for p in sorted(repository.files) if p.endswith(".py") and b"return " in repository.files[p])
    broken = {**repository.files, path: repository.files[path] + b"\n\nraise RuntimeError('broken')\n"}
    bug = patches.diff(repository.files, broken)
    run = workshop().call(grader.testbed.run(repository, repository.files, None, TESTS_S))
    assert set(run.statuses.values()) <= {"passed", "skipped"}, run.log
    assert not run.traces, run
    tests = tuple(test for test, status in run.statuses.items() if status == "passed")
    instance = Instance(
        f"test__{library}.1", repository.name, repository.commit, patches.reverse(bug), "", tests, (), bug_patch=bug
    )
    found = grade(grader, instance.patch, instance, repository)
    assert found.resolved, found


# -- reading -------------------------------------------------------------------------------------------------------


def test_what_the_repository_does_anyway_is_not_held_against_a_fix() -> None:
    unusual = {SOURCE: b"import gc, sys\nsys.setprofile(None)\nprint(len(gc.get_objects()))\n"}
    assert screen_code([{}], unusual, [SOURCE])
    assert not screen_code([unusual], {SOURCE: unusual[SOURCE] + b"x = 1\n"}, [SOURCE])
    assert not screen_code([{}, unusual], unusual, [SOURCE]), "the fix brings it back"
    assert screen_code([unusual], {SOURCE: unusual[SOURCE] * 2}, [SOURCE]), "once more than there was"


@pytest.mark.parametrize(
    "path", ["ledger/pytest_like.py", "ledger/tests_of_credit.py", "docs/setup.md", "ledger/code.py"]
)
def test_files_of_a_package_may_be_called_much(path: str) -> None:
    assert screen_path(path, REPOSITORY, new=True) is True


def test_a_module_that_tests_take_from_elsewhere_cannot_be_hidden() -> None:
    files = {**FILES, "tests/test_more.py": b"from hypothesis import given\nimport ledger\n"}
    repository = Repository("test/ledger", "0" * 40, files)
    flag = screen_path("hypothesis.py", repository, new=True)
    assert not isinstance(flag, bool)
    assert flag.kind == "shadow"
    assert screen_path("ledger/hypothesis.py", repository, new=True) is True


def test_attacks_are_all_different() -> None:
    assert len({attack.diff for attack in CODE_ATTACKS.values()}) == len(CODE_ATTACKS) >= 40
