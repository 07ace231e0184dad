"""SWE-bench's rule: is an instance resolved, by how its tests ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agentrl.envs.swe.testing import Status

Resolution = Literal["full", "partial", "no"]

_PASSES = ("passed", "xfail")
_MAINTAINS = (*_PASSES, "skipped")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which tests hold."""

    fail_to_pass: Mapping[str, bool]
    pass_to_pass: Mapping[str, bool]

    @property
    def resolution(self) -> Resolution:
        """`full` iff all hold; `partial` iff all of PASS_TO_PASS do, and some of FAIL_TO_PASS."""
        if not all(self.pass_to_pass.values()):
            return "no"
        if all(self.fail_to_pass.values()):
            return "full"
        return "partial" if any(self.fail_to_pass.values()) else "no"

    @property
    def share(self) -> float:
        """Of all tests, those that hold; in [0, 1], 1 where there are none."""
        held = [*self.fail_to_pass.values(), *self.pass_to_pass.values()]
        return sum(held) / len(held) if held else 1.0


def judge(statuses: Mapping[str, Status], fail_to_pass: Sequence[str], pass_to_pass: Sequence[str]) -> Verdict:
    """As `swebench.harness.grading` of swebench 5.0.2 does it.

    A test of FAIL_TO_PASS holds if it passed or failed as expected (xfail); one of PASS_TO_PASS also if it was skipped.
    What is missing does not hold; nor does what passed against expectation (xpass), which their logs do not show.
    """
    return Verdict(
        {test: _status(test, statuses) in _PASSES for test in fail_to_pass},
        {test: _status(test, statuses) in _MAINTAINS for test in pass_to_pass},
    )


def _status(test: str, statuses: Mapping[str, Status]) -> Status | None:
    """Of a test whose id may be cut off amid its parameters, as 676 of SWE-bench Verified are: of those that begin like
    it, if they agree on whether they passed."""
    if test in statuses or test.count("[") <= test.count("]"):
        return statuses.get(test)
    found = [status for name, status in statuses.items() if name.startswith(test)]
    return found[0] if len({status in _PASSES for status in found}) == 1 else None
