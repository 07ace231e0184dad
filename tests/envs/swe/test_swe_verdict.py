"""The rule of SWE-bench, by hand and against SWE-bench's own functions."""

from __future__ import annotations

import importlib
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from agentrl.envs.swe.logs import END, START, read_log, read_statuses, write_log
from agentrl.envs.swe.testing import Status
from agentrl.envs.swe.verdict import Resolution, judge

SWEBENCH = Path(__file__).parents[3] / ".swebench"

CASES: list[tuple[dict[str, Status], Resolution, float]] = [
    ({"f1": "passed", "f2": "passed", "p1": "passed", "p2": "passed"}, "full", 1.0),
    ({"f1": "xfail", "f2": "passed", "p1": "xfail", "p2": "skipped"}, "full", 1.0),
    ({"f1": "skipped", "f2": "passed", "p1": "passed", "p2": "passed"}, "partial", 0.75),
    ({"f1": "xpass", "f2": "passed", "p1": "passed", "p2": "passed"}, "partial", 0.75),
    ({"f1": "passed", "f2": "passed", "p1": "passed", "p2": "xpass"}, "no", 0.75),
    ({"f1": "passed", "f2": "passed", "p1": "passed"}, "no", 0.75),
    ({"f1": "failed", "f2": "error", "p1": "passed", "p2": "passed"}, "no", 0.5),
    ({"f1": "passed", "f2": "passed", "p1": "error", "p2": "passed"}, "no", 0.75),
    ({}, "no", 0.0),
]


@pytest.mark.parametrize(("statuses", "resolution", "share"), CASES)
def test_rule(statuses: dict[str, Status], resolution: Resolution, share: float) -> None:
    verdict = judge(statuses, ("f1", "f2"), ("p1", "p2"))
    assert (verdict.resolution, verdict.share) == (resolution, share)


def test_an_id_that_is_cut_off_stands_for_those_that_begin_like_it() -> None:
    both: dict[str, Status] = {"t[log(a b)]": "passed", "t[log(a c)]": "xfail"}
    assert judge(both, ("t[log(a",), ()).resolution == "full"
    assert judge({**both, "t[log(a d)]": "failed"}, ("t[log(a",), ()).resolution == "no"
    assert judge(both, ("t",), ()).resolution == "no", "only what is cut off amid its parameters"


def test_a_log_that_says_less_than_its_exit_code_is_of_no_use() -> None:
    passed = "PASSED tests/a.py::t"
    assert read_log(write_log(passed, 0)).statuses == {"tests/a.py::t": "passed"}
    assert read_log(write_log(passed, 1)).broken == "exit_code"
    assert read_log(write_log(f"{passed}\nFAILED tests/a.py::u - assert 1", 1)).statuses["tests/a.py::u"] == "failed"
    assert read_log(write_log(passed, None)).broken == "timeout"
    assert read_log(passed).broken == "unmarked"
    assert read_log(write_log("no tests ran", 0)).broken == "no_tests"


def test_skipped_tests_are_listed_without_their_ids() -> None:
    assert read_statuses("SKIPPED [2] tests/a.py:7: no network\nSKIPPED\nXFAIL tests/a.py::t - why") == {
        "tests/a.py::t": "xfail"
    }


# -- against SWE-bench -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swebench() -> Iterator[ModuleType]:
    """`swebench.harness.grading`, without the rest of the harness, which would want Docker, Modal and data sets."""
    if not SWEBENCH.is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{SWEBENCH} is missing; make .swebench/.done")
    known = set(sys.modules)
    harness = ModuleType("swebench.harness")
    harness.__path__ = [str(SWEBENCH / "swebench" / "harness")]
    sys.path.insert(0, str(SWEBENCH))
    sys.modules["swebench.harness"] = harness
    yield importlib.import_module("swebench.harness.grading")
    sys.path.remove(str(SWEBENCH))
    for name in set(sys.modules) - known:
        del sys.modules[name]


TESTS = [
    f"tests/test_{name}.py::{test}" for name in "abc" for test in ("test_x", "test_y[1]", "test_z[a-b]", "T::test_w")
]
TESTS += ["tests/test_d.py::test_v[log(photon / 2)]", "tests/test_d.py::test_v[log(photon * 2)]"]
WORDS = ("PASSED", "PASSED", "PASSED", "FAILED", "ERROR", "SKIPPED", "XFAIL", "XPASS")


def random_log(chance: random.Random) -> str:
    """A log of some run, whole or damaged."""
    good = chance.random() < 0.4
    lines = ["=== test session starts ===", "collected 14 items", ""]
    for test in TESTS:
        word = "PASSED" if good and chance.random() < 0.95 else chance.choice(WORDS)
        if word == "SKIPPED" and chance.random() < 0.5:
            lines.append("SKIPPED [1] tests/test_a.py:3: not here")
            continue
        lines.append(f"{word} {test}" + (" - assert 1 == 2 - see above" if word in ("FAILED", "XFAIL") else ""))
    failed = any(line.startswith(("FAILED", "ERROR")) for line in lines)
    code = None if chance.random() < 0.05 else chance.choice((int(failed), int(failed), int(failed), 0, 1, 2))
    log = write_log("\n".join(lines), code)
    for _ in range(chance.choice((0, 0, 1, 2))):
        log = damaged(log, chance)
    return log


def damaged(log: str, chance: random.Random) -> str:
    lines = log.split("\n")
    at = chance.randrange(len(lines))
    match chance.randrange(7):
        case 0:
            return log[: chance.randrange(len(log))]
        case 1:
            del lines[at]
        case 2:
            lines.insert(at, chance.choice(lines))
        case 3:
            lines.insert(at, chance.choice((START, END, ">>>>> Patch Apply Failed", ">>>>> Tests Errored")))
        case 4:
            lines.insert(at, f"{chance.choice(WORDS)} {chance.choice(TESTS)}")
        case 5:
            lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
        case 6:
            lines[at:at] = [END, f">>>>> Test Exit Code: {chance.choice((0, 1))}"]
    return "\n".join(lines)


@pytest.mark.parametrize("cut", [False, True], ids=["whole-ids", "ids-as-logs-cut-them"])
def test_grades_400_logs_as_swebench_does(swebench: ModuleType, cut: bool, tmp_path: Path) -> None:
    chance = random.Random(7 + cut)
    found: dict[tuple[bool, bool, str], int] = {}
    for number in range(200):
        log = random_log(chance)
        chosen = chance.sample([test.split()[0] if cut else test for test in TESTS], 6)
        fail_to_pass, pass_to_pass = chosen[:2], chosen[2:]
        (tmp_path / "log").write_text(log)
        spec = SimpleNamespace(log_parser="parse_log_pytest")
        statuses, applied = swebench.get_logs_eval(spec, str(tmp_path / "log"))
        gold = {"FAIL_TO_PASS": fail_to_pass, "PASS_TO_PASS": pass_to_pass}
        report = swebench.get_eval_tests_report(statuses, gold)
        theirs = swebench.get_resolution_status(report)

        ours = read_log(log)
        verdict = judge(ours.statuses, fail_to_pass, pass_to_pass)
        assert ours.applied == applied, f"log {number}:\n{log}"
        assert f"RESOLVED_{verdict.resolution.upper()}" == theirs, f"log {number}:\n{log}"
        for name, held in (("FAIL_TO_PASS", verdict.fail_to_pass), ("PASS_TO_PASS", verdict.pass_to_pass)):
            assert [test for test in gold[name] if held[test]] == report[name]["success"], f"log {number}:\n{log}"
        kind = applied, bool(ours.broken), theirs
        found[kind] = found.get(kind, 0) + 1
    assert {kind[2] for kind in found} == {"RESOLVED_FULL", "RESOLVED_PARTIAL", "RESOLVED_NO"}, found
    assert min(sum(n for kind, n in found.items() if kind[0] is applied) for applied in (False, True)) >= 20, found
