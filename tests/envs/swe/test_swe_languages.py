"""What actions mean: calls of tools, edits of lines; and what of a repository is shown."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.swe import edits, judging, patches
from agentrl.envs.swe.bash import command_of
from agentrl.envs.swe.calls import CallError, parse
from agentrl.envs.swe.edits import EditError
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.suspects import suspects
from agentrl.envs.swe.taskset import SPLITS
from agentrl.envs.swe.tools import replacements
from agentrl.envs.swe.view import View
from agentrl.envs.swe.workspace import Start
from tests.conftest import require
from tests.envs.swe.places import INSTANCES, REPOSITORY


async def show(path: str, line: int = 1) -> str: ...
async def put(path: str, old: str, new: str) -> str: ...
async def done() -> str: ...


TOOLS = {"show": show, "put": put, "done": done}


@pytest.mark.parametrize(
    "text",
    [
        'show({"path": "a.py", "line": 3})',
        "show(path='a.py', line=3)",
        'show("a.py", 3)',
        "show a.py 3",
        'show({"path": "a.py", "line": "3"})',
        'I will look at it.\nshow({"path": "a.py", "line": 3})\nThen I will know.',
        'First show it:\n```python\nshow("a.py", line=3)\n```\n',
        ' show ( { "path" : "a.py" , "line" : 3 } ) ',
    ],
)
def test_a_call_in_any_form(text: str) -> None:
    assert parse(text, TOOLS) == ("show", {"path": "a.py", "line": 3})


@given(st.text(), st.text())
def test_json_brings_any_text(old: str, new: str) -> None:
    call = f"put({json.dumps({'path': 'a', 'old': old, 'new': new})})"
    assert parse(call, TOOLS) == ("put", {"path": "a", "old": old, "new": new})


@given(st.text(), st.text())
def test_python_brings_any_text(old: str, new: str) -> None:
    assert parse(f"put('a', {old!a}, new={new!a})", TOOLS)[1] == {"path": "a", "old": old, "new": new}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "write one call"),
        ("sho a.py", "write one call"),
        ("show", "path is missing"),
        ("show a.py 3 4", "too many"),
        ("show a.py three", "whole number"),
        ("show(path=3)", "must be text"),
        ("show(path='a', lines=3)", "'lines' is no argument"),
        ("show('a', path='a')", "given twice"),
        ("show(open('/etc/passwd'))", "neither a JSON object"),
        ("show 'a.py", "quotes"),
        ("show(" + "(" * 10_000, "neither a JSON object"),
        ("show(" + "9" * 10_000 + ")", "neither a JSON object"),
        ("show " + "a" * 40_000, "at most"),
    ],
)
def test_no_call_says_why(text: str, message: str) -> None:
    with pytest.raises(CallError, match=message):
        parse(text, TOOLS)


@given(st.text(alphabet="show(){}\"'pathline:,=123 \n\\`[]", max_size=60))
def test_any_text_is_a_call_or_none(text: str) -> None:
    try:
        name, arguments = parse(text, TOOLS)
    except CallError:
        return
    assert name in TOOLS
    assert set(arguments) <= {"path", "line", "old", "new"}


def test_the_last_fenced_block_is_the_command() -> None:
    assert command_of("ls -l") == "ls -l"
    assert command_of("Look:\n```bash\nls\n```\nand then\n```\nmake \\\n  all\n```") == "make \\\n  all"


LINES = st.text(alphabet="ab<=-+ (),.'1", max_size=20)


@given(LINES, LINES)
def test_the_shortest_edit_makes_one_line_of_the_other(before: str, after: str) -> None:
    found = edits.shortest(before, after)
    if found is None:
        return
    said = edits.text_of(7, *found)
    line, old, new = edits.parse(said)
    assert (line, edits.replace(before, old, new)) == (7, after)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("while i <= len(xs):", "while i < len(xs):", "7 <= <"),
        ("if a and not b:", "if a and b:", "7 and not => and"),
        ("return a - b", "return b - a", "7 a - b => b - a"),
        ("x = x", "x = x + 1", "7 = x => = x + 1"),
        ("f(a, a)", "f(a)", "7 , a =>"),
        ("return n", "return -n", "7 n -n"),
    ],
)
def test_edits_as_they_are_said(before: str, after: str, said: str) -> None:
    found = edits.shortest(before, after)
    assert found
    assert edits.text_of(7, *found) == said


def test_edits_that_cannot_be() -> None:
    assert edits.shortest("x = 1", "x = 1") is None
    with pytest.raises(EditError, match="stands 2 times"):
        edits.replace("a + a", "a", "b")
    with pytest.raises(EditError, match="stands 0 times"):
        edits.replace("maximum", "max", "min")
    assert edits.replace("f( a,b )", "a , b", "b, a") == "f( b, a )"
    for text in ("", "x a b", "1 a", "1 a b c", "1  => b"):
        with pytest.raises(EditError, match="replace"):
            edits.parse(text)


TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "c\n"]), max_size=8).map("".join)


@given(TEXTS, TEXTS, st.sampled_from(["", "end"]))
def test_replacements_each_stand_once(before: str, after: str, end: str) -> None:
    text = before + end
    for old, new in replacements(before + end, after):
        assert text.count(old) == 1 if text else old == ""
        text = text.replace(old, new) if text else new
    assert text == after


def _start(name: str) -> Start:
    return Start(REPOSITORY, patches.apply(REPOSITORY.files, INSTANCES[name].bug_patch))


def test_the_function_that_the_failing_tests_call_is_suspected_first() -> None:
    sources = {path: content for path, content in REPOSITORY.files.items() if path.startswith("tally/")}
    tests = {path: content for path, content in REPOSITORY.files.items() if path.startswith("tests/")}
    for name, order in (("sum", ["total"]), ("zero", ["share", "label"]), ("divide", ["label", "share"])):
        one = INSTANCES[name]
        found = suspects(sources, tests, one.FAIL_TO_PASS, one.PASS_TO_PASS)
        assert [f.name for f in found] == order  # `label` alone is named by no test that passes
    assert suspects(sources, tests, ["tests/test_counting.py::test_gone"], []) == []


def test_methods_behind_operators_are_found() -> None:
    source = (
        b"class Bag:\n    def __contains__(self, x):\n        return x in self.xs\n    def other(self):\n        pass\n"
    )
    tests = {"tests/test_bag.py": b"def test_in():\n    assert 3 in made()\n"}
    (found,) = suspects({"bag.py": source}, tests, ["tests/test_bag.py::test_in"], [])
    assert (found.name, found.owner, found.first, found.last) == ("__contains__", "Bag", 2, 3)


@pytest.mark.parametrize("name", INSTANCES)
def test_the_view_shows_the_failing_test_and_numbered_code(name: str) -> None:
    start = _start(name)
    view = View.of(INSTANCES[name], start)
    text = view.text(start.files)
    assert INSTANCES[name].FAIL_TO_PASS[0].rpartition("::")[2] in view.test or len(INSTANCES[name].FAIL_TO_PASS) > 1
    numbered = [line.partition(" ") for line in text.split("\n") if line[0].isdigit()]
    assert [int(number) for number, _, _ in numbered] == list(range(1, len(view.lines) + 1))
    for (_, _, line), shown in zip(numbered, view.lines, strict=True):
        assert start.files[shown.path].decode().split("\n")[shown.line - 1] == line
    (change,) = view.changes(start.files, REPOSITORY.files) or []
    assert change.startswith("replace ")


def test_small_shipped_tasks_fit_and_can_be_said() -> None:
    require("libcst")
    from agentrl.envs.swe import tasks

    small = [task_id for split in SPLITS for task_id in tasks.tasks(split) if tasks.task(task_id).small]
    for task_id in random.Random(3).sample(small, 24):
        instance = tasks.instance(task_id)
        start, view = judging.start_of(instance), judging.view_of(instance)
        assert len(edits.tokens(f"{view.test}\n{view.text(start.files)}")) < 500
        (change,) = view.changes(start.files, judging.solved(instance)) or []
        number, old, new = edits.parse(change.removeprefix("replace "))
        shown = view.lines[number - 1]
        fixed = judging.solved(instance)[shown.path].decode().split("\n")[shown.line - 1]
        assert edits.replace(view.code(start.files)[number - 1], old, new) == fixed


def test_a_method_is_shown_in_its_class() -> None:
    module = b"class Bag(dict):\n    size = 1\n\n    def full(self):\n        return len(self) < self.size\n"
    test = b"from bag import Bag\n\ndef test_full():\n    assert Bag(a=1).full()\n"
    repository = Repository("a/bag", "0" * 40, {"bag.py": module, "tests/test_bag.py": test})
    one = Instance("x", "a/bag", "0" * 40, "", "", ("tests/test_bag.py::test_full",), ())
    view = View.of(one, Start(repository, repository.files))
    code = "bag.py\n1 class Bag(dict):\n2     def full(self):\n3         return len(self) < self.size"
    assert view.text(repository.files) == code


def test_the_view_does_not_depend_on_what_the_fix_is() -> None:
    """Of what an instance has, the fix and the bug's patch are not looked at."""
    one = INSTANCES["divide"]
    start = _start("divide")
    other = replace(one, patch="", bug_patch="", problem_statement="")
    assert View.of(one, start) == View.of(other, start)


def test_other_changes_than_of_lines_shown_cannot_be_said() -> None:
    start = _start("sum")
    view = View.of(INSTANCES["sum"], start)
    files = dict(start.files)
    assert view.changes(files, files) == []
    assert view.changes(files, {**files, "new.py": b""}) is None
    assert view.changes(files, {**files, "tally/counting.py": files["tally/counting.py"] + b"\nx = 1\n"}) is None
    assert view.changes(files, {**files, "tests/test_labels.py": b"#" + files["tests/test_labels.py"]}) is None


def test_hostile_sources_are_no_obstacle() -> None:
    sources = {"a.py": b"def f(:\n", "b.py": b"\x00", "c.py": b"\xff\xfe", "d.py": b"def g(): return h()\n"}
    tests = {"tests/test_x.py": b"def test_x():\n    g()\n"}
    (found,) = suspects(sources, tests, ["tests/test_x.py::test_x[a::b-1]"], [])
    assert found.name == "g"
