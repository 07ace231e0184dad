"""What a log of pytest says, between the marks of SWE-bench's evaluation scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agentrl.envs.swe.testing import Status

START, END = ">>>>> Start Test Output", ">>>>> End Test Output"
EXIT_CODE = ">>>>> Test Exit Code"

Broken = Literal["", "patch_failed", "reset_failed", "tests_errored", "timeout", "unmarked", "no_tests", "exit_code"]

BROKEN: dict[str, Broken] = {
    ">>>>> Patch Apply Failed": "patch_failed",
    ">>>>> Reset Failed": "reset_failed",
    ">>>>> Tests Errored": "tests_errored",
    ">>>>> Tests Timed Out": "timeout",
}
_STATUSES: dict[str, Status] = {
    "PASSED": "passed",
    "FAILED": "failed",
    "ERROR": "error",
    "SKIPPED": "skipped",
    "XFAIL": "xfail",
}


@dataclass(frozen=True, slots=True)
class LogReport:
    """Statuses by test id, or why there are none."""

    statuses: dict[str, Status]
    broken: Broken = ""
    """`exit_code`: pytest says that it failed, and the log shows no test that did: it tells of another run."""

    @property
    def applied(self) -> bool:
        """What SWE-bench calls a patch that was applied: its tests ran."""
        return not self.broken


def read_log(log: str) -> LogReport:
    """As `swebench.harness.grading.get_logs_eval` of swebench 5.0.2 reads it, for pytest."""
    for mark, reason in BROKEN.items():
        if mark in log:
            return LogReport({}, reason)
    if START not in log or END not in log:
        return LogReport({}, "unmarked")
    statuses = read_statuses(log.split(START)[1].split(END)[0]) or read_statuses(log)
    if not statuses:
        return LogReport({}, "no_tests")
    code = re.search(rf"{EXIT_CODE}:\s*(-?\d+)", log)
    if code and int(code[1]) and not {"failed", "error"} & set(statuses.values()):
        return LogReport({}, "exit_code")
    return LogReport(statuses)


def read_statuses(output: str) -> dict[str, Status]:
    """Of the lines that pytest prints with `-rA`. An id ends at the first blank, the last line of a test counts, and
    skipped tests go without their ids: `SKIPPED [2] tests/test_io.py:7: no network`."""
    found: dict[str, Status] = {}
    for line in output.split("\n"):
        if not line.startswith(tuple(_STATUSES)):
            continue
        word, *rest = (line.replace(" - ", " ") if line.startswith("FAILED") else line).split()
        if not rest or (word == "SKIPPED" and re.match(r"\[\d+\]$", rest[0])):
            continue
        found[rest[0]] = _STATUSES.get(word, "failed")
    return found


def write_log(output: str, exit_code: int | None) -> str:
    """What an evaluation script of SWE-bench would have left of a run that printed `output`.

    Args:
        exit_code: pytest's; None if it took too long.
    """
    if exit_code is None:
        return f"{START}\n{output}\n>>>>> Tests Timed Out\n{END}\n"
    return f"{START}\n{output}\n{END}\n{EXIT_CODE}: {exit_code}\n"
