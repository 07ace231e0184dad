"""Tests of repositories, run in sandboxes."""

from __future__ import annotations

import asyncio
import os
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import pytest

from agentrl.envs.swe.plain import run_plainly
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.testbed import Testbed
from agentrl.envs.swe.testing import ROOT, TESTS_S, TestRun, run_tests
from agentrl.envs.swe.workshop import workshop
from agentrl.errors import AgentRLError, SandboxError
from agentrl.sandboxes.spec import Sandbox
from tests.envs.swe.attacks import REPOSITORY, START

KINDS = """\
    import sys
    import time
    import unittest

    import pytest

    def test_passes(tmp_path):
        (tmp_path / "file").write_text("x")

    def test_fails():
        left = [1, 2]
        assert left == [1, 3]

    def test_skips():
        pytest.skip("today")

    @pytest.mark.xfail
    def test_fails_as_expected():
        assert False

    @pytest.mark.xfail
    def test_passes_unexpectedly():
        pass

    @pytest.fixture
    def broken():
        raise RuntimeError("no setup")

    def test_has_no_setup(broken):
        pass

    @pytest.fixture
    def untidy():
        yield
        raise RuntimeError("no teardown")

    def test_has_no_teardown(untidy):
        pass

    @pytest.mark.parametrize("value", [1, "a-b", "ä"])
    def test_value(value):
        assert value != 1

    def test_exits():
        sys.exit(0)

    class TestOld(unittest.TestCase):
        def test_old(self):
            self.assertEqual(1, 1)
    """
EXPECTED = {
    "test_passes": "passed",
    "test_fails": "failed",
    "test_skips": "skipped",
    "test_fails_as_expected": "xfail",
    "test_passes_unexpectedly": "xpass",
    "test_has_no_setup": "error",
    "test_has_no_teardown": "error",
    "test_value[1]": "failed",
    "test_value[a-b]": "passed",
    "test_value[\\xe4]": "passed",
    "test_exits": "failed",
    "TestOld::test_old": "passed",
}


def repository(files: Mapping[str, str]) -> Repository:
    return Repository("test/some", "0" * 40, {path: textwrap.dedent(text).encode() for path, text in files.items()})


@pytest.fixture(scope="module", params=["process", "docker"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        sandbox = workshop().call(workshop().acquire(request.param))
    except AgentRLError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    yield sandbox
    workshop().call(sandbox.close())


def run(sandbox: Sandbox, what: Repository, *tests: str, timeout_s: float = TESTS_S, **options: Any) -> TestRun:
    """In a folder of its own for each repository."""
    root = PurePosixPath(f"/workspace/{abs(hash(tuple(what.files.items())))}")
    work = run_tests(sandbox, what, tests or None, timeout_s, root=root, put=what.files, **options)
    return workshop().call(work)


def test_says_how_every_kind_of_test_ends(sandbox: Sandbox) -> None:
    found = run(sandbox, repository({"tests/test_kinds.py": KINDS}))
    assert {test.removeprefix("tests/test_kinds.py::"): status for test, status in found.statuses.items()} == EXPECTED
    assert (found.error, found.exit_code, found.left, found.forged, found.events) == ("", 1, (), 0, ())
    assert "assert [1, 2] == [1, 3]" in found.log, "assertions are rewritten"
    assert found.changed == (), "what tests write to tmp_path is nobody's business"


def test_a_fresh_pytest_says_the_same(sandbox: Sandbox) -> None:
    what = repository({"tests/test_kinds.py": KINDS, "tests/test_more.py": "def test_it(): pass"})
    root = PurePosixPath("/workspace/plain")

    async def both() -> tuple[TestRun, TestRun]:
        served = await run_tests(sandbox, what, None, TESTS_S, root=root, put=what.files)
        return served, await run_plainly(sandbox, what, None, TESTS_S, root=root)

    served, plain = workshop().call(both())
    unnamed = ("skipped", "xpass")  # in logs
    assert plain.statuses == {test: status for test, status in served.statuses.items() if status not in unnamed}
    assert (plain.exit_code, plain.error) == (served.exit_code, "")


def test_runs_those_that_are_asked_for_and_leaves_out_what_is_not_there(sandbox: Sandbox) -> None:
    what = repository({"tests/test_kinds.py": KINDS, "tests/test_more.py": "def test_it(): pass"})
    asked = ("tests/test_kinds.py::test_passes", "tests/test_kinds.py::test_gone", "tests/gone.py::test_x")
    assert run(sandbox, what, *asked).statuses == {"tests/test_kinds.py::test_passes": "passed"}


def test_a_module_that_cannot_be_imported_does_not_stop_the_others(sandbox: Sandbox) -> None:
    what = repository({"tests/test_a.py": "import nothing_like_it", "tests/test_b.py": "def test_b(): pass"})
    found = run(sandbox, what)
    assert found.statuses == {"tests/test_b.py::test_b": "passed"}
    assert "nothing_like_it" in found.log
    assert found.exit_code


SPEAKS = {
    "logs": ("import logs\ndef test(caplog):\n    logs.note()\n    assert 'noted' in caplog.text", {}),
    "files": ("import os\ndef test(capfd):\n    os.write(1, b'x')\n    assert capfd.readouterr().out == 'x'", {}),
    "conftest": ("def test(noted): assert 'noted' in noted", {"tests/conftest.py": """\
        import pytest, logs

        @pytest.fixture
        def noted(caplog):
            logs.note()
            return caplog.text
        """}),
    "settings": ("import logs\ndef test(): logs.scold()", {"pytest.ini": "[pytest]\nfilterwarnings = error"}),
    "package": ("import logs\ndef test(): logs.scold()", {"tox.ini": "[pytest]\naddopts = -Werror"}),
    "nothing": ("import logs\ndef test(): logs.scold()", {}),
}  # fmt: skip


@pytest.mark.parametrize("case", SPEAKS)
def test_plugins_are_there_for_who_speaks_of_them(sandbox: Sandbox, case: str) -> None:
    text, more = SPEAKS[case]
    logs = """\
        import logging, warnings

        def note():
            logging.getLogger("logs").error("noted")

        def scold():
            warnings.warn("old", DeprecationWarning)
        """
    found = run(sandbox, repository({"tests/test_a.py": text, "logs.py": logs, **more}))
    expected = "failed" if case in ("settings", "package") else "passed"
    assert found.statuses == {"tests/test_a.py::test": expected}, found.log


def test_who_computes_has_a_limit_and_what_has_ended_before_counts(sandbox: Sandbox) -> None:
    text = "import time\ndef test_a(): time.sleep(1.5)\ndef test_b():\n    while True: pass"
    found = run(sandbox, repository({"tests/test_t.py": text}), timeout_s=1, patience=600)
    assert found.error == "time over"
    assert found.statuses == {"tests/test_t.py::test_a": "passed"}, "who waits is given more"


def test_who_waits_has_a_limit_as_well(sandbox: Sandbox) -> None:
    text = "import time\ndef test_a(): time.sleep(1000)"
    assert run(sandbox, repository({"tests/test_t.py": text}), timeout_s=1, patience=2).error == "time over"


def test_a_run_that_dies_says_so_and_the_next_one_works(sandbox: Sandbox) -> None:
    what = repository({"tests/test_t.py": "import os\ndef test_a(): pass\ndef test_b(): os.kill(os.getpid(), 11)"})
    assert run(sandbox, what).error == "ended by signal 11"
    assert run(sandbox, what, "tests/test_t.py::test_a").statuses == {"tests/test_t.py::test_a": "passed"}


def test_memory_is_bounded_for_the_run_alone(sandbox: Sandbox) -> None:
    what = repository({"tests/test_t.py": "def test_a(): bytearray(2 << 30)\ndef test_b(): pass"})
    assert list(run(sandbox, what).statuses.values()) == ["failed", "passed"]


def test_output_is_bounded_and_keeps_both_ends(sandbox: Sandbox) -> None:
    text = "def test_a():\n    print('begin' + 'x' * 4_000_000 + 'finis')\n    assert False"
    found = run(sandbox, repository({"tests/test_t.py": text}))
    assert len(found.log) < 1_100_000
    assert "begin" in found.log
    assert "bytes dropped" in found.log
    assert "1 failed" in found.log


def test_knows_nothing_of_the_sandbox_that_it_runs_in(sandbox: Sandbox) -> None:
    text = """\
        import os, stat, sys
        def test_environment():
            assert set(os.environ) <= {
                "PATH", "LANG", "LC_CTYPE", "TZ", "HOME", "TMPDIR", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE",
                "PYTHONHASHSEED", "PYTHONNOUSERSITE", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_VERSION",
                "PYTEST_CURRENT_TEST"}
            assert sys.argv == ["pytest"]
        def test_descriptors():
            def is_socket(descriptor):
                try:
                    return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
                except OSError:
                    return False
            assert not any(map(is_socket, range(256))), "of whoever asked for the run"
        """
    found = run(sandbox, repository({"tests/test_t.py": text}))
    assert set(found.statuses.values()) == {"passed"}, found.log


def test_all_canaries_fail_but_those_in_other_processes(sandbox: Sandbox) -> None:
    found = run(sandbox, repository({"tests/test_kinds.py": KINDS}), canary=True)
    assert {test.split("::", 1)[1] for test, status in found.statuses.items() if status in ("failed", "error")} == {
        name for name, status in EXPECTED.items() if status not in ("xfail", "xpass")
    }


def test_one_after_another_in_one_sandbox(sandbox: Sandbox) -> None:
    what = repository({"tests/test_kinds.py": KINDS})

    async def three() -> list[TestRun]:
        runs = (run_tests(sandbox, what, None, TESTS_S, root=ROOT, put=what.files) for _ in range(3))
        return await asyncio.gather(*runs)

    statuses = [found.statuses for found in workshop().call(three())]
    assert statuses[0] == statuses[1] == statuses[2] != {}


def test_a_sandbox_without_pytest_is_an_error_of_its_own() -> None:
    from agentrl.sandboxes.process import ProcessProvider
    from agentrl.sandboxes.spec import SandboxSpec

    async def work() -> TestRun:
        async with ProcessProvider() as provider, await provider.create(SandboxSpec("host")) as bare:
            return await run_tests(bare, REPOSITORY, None, TESTS_S, put=START)

    with pytest.raises(SandboxError, match="pytest"):
        workshop().call(work())


def test_a_sandbox_that_is_gone_is_no_result() -> None:
    async def work() -> None:
        sandbox = await workshop().acquire("process")
        await run_tests(sandbox, REPOSITORY, None, TESTS_S, put=START)
        await sandbox.close()
        await run_tests(sandbox, REPOSITORY, None, TESTS_S)

    with pytest.raises(SandboxError):
        workshop().call(work())


def test_a_testbed_uses_a_sandbox_again_only_after_a_run_without_traces() -> None:
    acquired: list[str] = []

    async def acquire() -> Sandbox:
        sandbox = await workshop().acquire("process")
        acquired.append(sandbox.name)
        return sandbox

    async def work() -> list[int]:
        testbed, counts = Testbed(acquire, at_once=1), list[int]()
        clean, dirty = {"tests/test_a.py": b"def test_a(): pass"}, {"tests/test_a.py": b"open('/tmp/x', 'w')"}
        for files in (clean, clean, dirty, clean):
            found = await testbed.run(REPOSITORY, files, None, TESTS_S)
            assert bool(found.statuses) == (files is clean), found.log
            counts.append(len(acquired))
        await testbed.close()
        return counts

    assert workshop().call(work()) == [1, 1, 1, 2]


def test_modules_are_taken_as_they_are_now_however_often_they_were_imported() -> None:
    async def work() -> list[str]:
        testbed = Testbed(lambda: workshop().acquire("process"), at_once=1)
        said = []
        for number in (1, 1, 1, 2, 1):
            files = {
                "tests/test_a.py": b"import told, same\ndef test_it(): assert not told.number, told.number",
                "told.py": f"number = {number}\n".encode(),
                "same.py": b"number = 0\n",
            }
            found = await testbed.run(REPOSITORY, files, None, TESTS_S)
            said.append(next(line for line in found.log.splitlines() if line.startswith("E  ")).split()[-1])
        await testbed.close()
        return said

    assert workshop().call(work()) == ["1", "1", "1", "2", "1"]


def test_a_testbed_leaves_no_file_of_one_run_to_the_next() -> None:
    async def work() -> TestRun:
        testbed = Testbed(lambda: workshop().acquire("process"), at_once=1)
        await testbed.run(REPOSITORY, {**START, "ledger/extra/deep.py": b"x = 1\n"}, None, TESTS_S)
        look = b"import os\ndef test_it(): assert sorted(os.listdir('.')) == ['tests'], os.listdir('.')"
        found = await testbed.run(REPOSITORY, {"tests/test_a.py": look}, None, TESTS_S)
        await testbed.close()
        return found

    assert workshop().call(work()).statuses == {"tests/test_a.py::test_it": "passed"}
