"""Tests as a fresh `python -m pytest`, whose log is read: for images with a Python that the runner does not know."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

from agentrl.envs.swe.logs import read_log, write_log
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.testing import ROOT, TestRun
from agentrl.envs.swe.toolbox import SITE
from agentrl.sandboxes.spec import Sandbox

_OPTIONS = "-rA --tb=short -p no:cacheprovider --continue-on-collection-errors"
_ENVIRONMENT = "LANG=C.UTF-8 TZ=UTC PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0 PYTHONNOUSERSITE=1"


async def run_plainly(
    sandbox: Sandbox,
    repository: Repository,
    tests: Sequence[str] | None,
    timeout_s: float,
    *,
    root: PurePosixPath = ROOT,
) -> TestRun:
    """Run tests as `testing.run_tests` does, and believe the log; arguments and errors as there.

    A log has no ids of skipped tests, and ids end in it at the first blank, as in SWE-bench's instances. Whoever prints
    what a log has is believed: submissions are not graded by this.
    """
    paths = repository.test_paths if tests is None else dict.fromkeys(test.split("::")[0] for test in tests)
    folders = ":".join(str(root / part) for part in repository.python_path)
    plugins = "" if repository.requirements else "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1"
    there = f'for f in {shlex.join(paths)}; do [ -e "$f" ] && set -- "$@" "$f"; done'
    site = f"python3 -c 'import pytest' 2>/dev/null || PYTHONPATH={folders}:{SITE}"
    command = (
        f"export {_ENVIRONMENT} {plugins} PYTHONPATH={shlex.quote(folders)}; {site}; set --; {there}; "
        f'exec python3 -m pytest {_OPTIONS} --rootdir {root} "$@"'
    )
    done = await sandbox.run(command, timeout_s, workdir=str(root), output_limit=64 * 2**20)
    log = done.stdout.decode(errors="replace")
    report = read_log(write_log(log, done.exit_code))
    wanted = None if tests is None else {test.split()[0] for test in tests}
    return TestRun(
        statuses={test: status for test, status in report.statuses.items() if wanted is None or test in wanted},
        log=log,
        seconds=done.seconds,
        error="time over" if done.timed_out else "" if report.applied else f"log: {report.broken}",
        exit_code=done.exit_code,
    )
