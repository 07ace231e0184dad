"""Problem statements: what a user sees of a failure, and never the fix."""

from __future__ import annotations

import pytest

from agentrl.envs.swe.failures import Failure, failures, title
from tests.conftest import require
from tests.envs.swe.tiny import tiny

require("libcst")
from agentrl.envs.swe.bugs.candidates import Candidate, planted, procedural
from agentrl.envs.swe.bugs.modifiers import MODIFIERS
from agentrl.envs.swe.bugs.planting import Place
from agentrl.envs.swe.statements import LeakError, from_model, from_template, leaks

LOG = """\
=================================== FAILURES ===================================
_____________________ TestShare.test_of_a_part[1-2] ____________________
tests/test_share.py:12: in test_of_a_part
    assert share(1, 4) == 0.25
E   assert 4 == 0.25
E    +  where 4 = share(1, 4)
_______________________________ test_inside ________________________________
tests/test_share.py:20: in test_inside
    share(1, 0)
tally/counting.py:11: in share
    return part / whole
           ^^^^^^^^^^^^
E   ZeroDivisionError: division by <object at 0x7f12ab34cd56>
=========================== short test summary info ============================
FAILED tests/test_share.py::TestShare::test_of_a_part[1-2]
"""
BUG = planted(tiny(), "op_change", [Place("tally/counting.py", "op_change", 0, 0)])
FAILS = ("tests/test_counting.py::test_share_of_a_part", "tests/test_labels.py::test_label_in_per_cent")
SEEN = Failure("assert share(1, 4) == 0.25", ("assert 4 == 0.25", " +  where 4 = share(1, 4)"))


def test_a_log_tells_what_tests_show_and_not_where_the_code_fails() -> None:
    found = failures(LOG)
    assert found["TestShare.test_of_a_part[1-2]"] == SEEN
    assert found["test_inside"] == Failure("share(1, 0)", ("ZeroDivisionError: division by <object at 0x...>",))
    assert title("tests/test_share.py::TestShare::test_of_a_part[1-2]") == "TestShare.test_of_a_part[1-2]"


def test_a_statement_tells_what_is_to_be_seen() -> None:
    text = from_template(tiny(), BUG, FAILS, SEEN)
    assert text == from_template(tiny(), BUG, FAILS, SEEN)
    for part in (
        "`share`",
        '"share of a part"',
        "    assert share(1, 4) == 0.25",
        "where 4 = share",
        "- label in per cent",
    ):
        assert part in text
    assert "tally/counting.py" not in text


def test_a_statement_is_about_what_the_failing_line_calls() -> None:
    source = b"from tally.counting import share, total\n\n\n"
    source += b"def test_both():\n    assert total([1]) == 1\n    assert share(1, 4) == 0.25\n"
    text = from_template(tiny(tests__test_both_py=source), BUG, ["tests/test_both.py::test_both"], SEEN)
    assert "`share`" in text
    assert "`total`" not in text


def test_no_statement_holds_the_fix_or_names_the_bug() -> None:
    repository = tiny()
    candidates = list(procedural(repository, MODIFIERS, 24))
    assert len({candidate.kind for candidate in candidates}) > 6
    for candidate in candidates:
        changed = [
            line for line in candidate.bug_patch.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
        ]
        seen = Failure(changed[0][1:].strip(), (f"SyntaxError: {changed[-1][1:].strip()}", "assert 1 == 2"))
        text = from_template(repository, candidate, FAILS, seen)
        assert not leaks(text, candidate)
        for line in changed:
            assert len(line) < 10 or line[1:].strip() not in text
        assert candidate.kind not in text


def test_leaks_are_seen() -> None:
    assert leaks("It says return part / whole", BUG)  # as it should be
    assert leaks("Why `result -= number`?", BUG) == ("result -= number" in BUG.bug_patch)
    assert leaks("this is an op_change", BUG)
    assert not leaks("share(1, 4) should be 0.25; the whole is not the part", BUG)


def test_a_model_is_asked_again_where_it_gives_the_fix_away() -> None:
    said = iter(["Use `return part / whole`.", "  ", "share(1, 4) gives 4."])
    asked: list[str] = []

    def writer(question: str) -> str:
        asked.append(question)
        return next(said)

    assert from_model(tiny(), BUG, FAILS, SEEN, writer) == "share(1, 4) gives 4.\n"
    assert len(set(asked)) == 3  # an answer is remembered for a question
    for question in asked:
        assert "assert share(1, 4) == 0.25" in question
        assert not leaks(question, BUG)
    with pytest.raises(LeakError, match="test_share_of_a_part"):
        from_model(tiny(), BUG, FAILS, SEEN, lambda question: "return part / whole")


def test_tests_that_tell_too_much_are_refused() -> None:
    secret = Candidate("op_change", {}, "--- a/f.py\n+++ b/f.py\n@@ -1 +1 @@\n-return a(b, c)\n+return a(c, b)\n")
    with pytest.raises(LeakError):
        from_template(tiny(), secret, ["tests/test_f.py::test_a[return a(b, c)]"], None)
