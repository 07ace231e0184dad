# ruff: noqa: E501 - the tables of tasks and metrics have a row each
"""OSWorld's task files: its rules of grading, value by value, and episodes on a real desktop."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agentrl  # noqa: F401 - registers the environments
from agentrl.envs.base import Episode
from agentrl.envs.gui.desktop.desks import desks
from agentrl.envs.gui.desktop.osworld import OSWorldTask, ids, load
from agentrl.envs.gui.desktop.osworld.files import TaskFile
from agentrl.envs.gui.desktop.osworld.metrics import METRICS
from agentrl.envs.gui.desktop.session import Desktop
from agentrl.errors import ConfigError, CorruptFileError, UnknownNameError, UnsupportedTaskError
from agentrl.sandboxes.spec import Completed
from tests.envs.gui.desktops import need

call = desks().call


class Disk:
    """A desktop of files and commands alone, which is all that the rules of grading look at."""

    size = (1280, 800)

    def __init__(self, files: dict[str, str], outputs: dict[str, str] | None = None) -> None:
        self.files, self.outputs, self.done = files, outputs or {}, list[str]()

    async def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path].encode()

    async def run(self, line: str, timeout_s: float) -> Completed:
        self.done.append(line)
        return Completed(0, self.outputs.get(line, "").encode(), b"", 0.0)


def task(evaluator: dict[str, Any], cache: Path = Path("none")) -> OSWorldTask:
    file = {"id": "t", "snapshot": "init", "instruction": "Do it.", "source": "", "evaluator": evaluator}
    return OSWorldTask(TaskFile.model_validate(file), cache)


def score(evaluator: dict[str, Any], last: str = "DONE", **files: str) -> float:
    """What an evaluator gives for files of the names."""
    return asyncio.run(task(evaluator).evaluate(cast(Desktop, Disk(files)), last))


def check(name: str, expected: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Result and expected of the metric `compare_config`: that a file has this content."""
    return {"type": "vm_file", "path": name, "dest": name}, {"type": "rule", "rules": {"expected": expected}}


def several(conj: str | None, *contents: str) -> dict[str, Any]:
    pairs = [check(f"f{i}", content) for i, content in enumerate(contents)]
    found = {
        "func": ["compare_config"] * len(pairs),
        "result": [result for result, _ in pairs],
        "expected": [expected for _, expected in pairs],
    }
    return {**found, "conj": conj} if conj else found


# -- the rules ---------------------------------------------------------------------------------------------------------


def test_what_cannot_be_done_is_solved_by_saying_so_last() -> None:
    assert score({"func": "infeasible"}, "FAIL") == 1.0
    assert score({"func": "infeasible"}, "DONE") == 0.0
    result, expected = check("f", "x")
    one = {"func": "compare_config", "result": result, "expected": expected}
    assert score(one, "DONE", f="x") == 1.0
    assert score(one, "FAIL", f="x") == 0.0


def test_all_must_hold_where_they_are_joined_by_and() -> None:
    assert score(several("and", "a", "b"), f0="a", f1="b") == 1.0
    assert score(several(None, "a", "b"), f0="a", f1="b") == 1.0
    assert score(several("and", "a", "b"), f0="a", f1="x") == 0.0
    assert score(several("and", "a", "b"), f0="a") == 0.0


def test_one_is_enough_where_they_are_joined_by_or() -> None:
    assert score(several("or", "a", "b"), f0="x", f1="b") == 1.0
    assert score(several("or", "a", "b"), f1="b") == 1.0
    assert score(several("or", "a", "b"), f0="x", f1="x") == 0.0
    assert score(several("or", "a", "b")) == 0.0


LINES = st.lists(st.sampled_from("abc"), min_size=1, max_size=4)


@settings(max_examples=30)
@given(st.lists(st.tuples(LINES, LINES), min_size=1, max_size=4), st.sampled_from(["and", "or"]))
def test_scores_between_are_joined_by_the_mean_or_the_greatest(
    pairs: list[tuple[list[str], list[str]]], conj: str
) -> None:
    evaluator = {
        "func": ["diff_text_file"] * len(pairs),
        "conj": conj,
        "result": [{"type": "vm_file", "path": f"r{i}", "dest": ""} for i in range(len(pairs))],
        "expected": [{"type": "rule", "rules": "\n".join(wanted).encode()} for _, wanted in pairs],
    }
    each = [METRICS["diff_text_file"]("\n".join(a).encode(), "\n".join(b).encode()) for a, b in pairs]
    found = score(evaluator, **{f"r{i}": "\n".join(seen) for i, (seen, _) in enumerate(pairs)})
    assert found == (max(each) if conj == "or" else 0.0 if 0.0 in each else pytest.approx(sum(each) / len(each)))


def test_the_steps_before_grading_are_done_before_anything_is_looked_at() -> None:
    evaluator = {
        "postconfig": [{"type": "execute", "parameters": {"command": ["sync", "a b"]}}, {"type": "command", "parameters": {"command": "x | y"}}],
        "func": "exact_match",
        "result": {"type": "vm_command_line", "command": "cat it", "shell": True},
        "expected": {"type": "rule", "rules": {"expected": "yes\n"}},
    }  # fmt: skip
    disk = Disk({}, {"cat it": "yes\n"})
    assert asyncio.run(task(evaluator).evaluate(cast(Desktop, disk), "DONE")) == 1.0
    assert disk.done == ["sync 'a b'", "x | y", "cat it"]


@pytest.mark.parametrize(
    ("metric", "result", "expected", "options", "worth"),
    [
        ("exact_match", "a\n", {"expected": "a\n"}, {}, 1.0),
        ("exact_match", "a\n", {"expected": "a"}, {}, 0.0),
        ("match_in_list", "b", {"expected": ["a", "b"]}, {}, 1.0),
        ("is_in_list", ["a", "b"], {"expected": "c"}, {}, 0.0),
        ("literal_match", 3, "3", {}, 1.0),
        ("literal_match", "A", "a", {}, 0.0),
        ("literal_match", "A", "a", {"ignore_case": True}, 1.0),
        ("literal_match", ["A"], ["a"], {"type": "list", "ignore_case": True}, 1.0),
        ("literal_match", "a", ["a"], {"type": "list"}, 0.0),
        ("check_include_exclude", "one two", {"include": ["one", "two"], "exclude": ["three"]}, {}, 1.0),
        ("check_include_exclude", "one two", {"include": ["one"], "exclude": ["two"]}, {}, 0.0),
        ("check_include_exclude", "one two", {"include": ["four"]}, {}, 0.0),
        ("check_list", b"ab\ncd\n", {"expect": ["^a", "d$"], "unexpect": ["x"]}, {}, 1.0),
        ("check_list", b"ab\ncd\n", {"expect": ["a.*d"]}, {}, 0.0),
        ("check_csv", b"k,v\na,1\nb,2\n", {"expect": [{"k": "a", "v": "1"}], "unexpect": [{"v": "3"}]}, {}, 1.0),
        ("check_csv", b"k,v\na,1\nb,2\n", {"expect": [{"k": "a", "v": "2"}]}, {}, 0.0),
        ("check_json", b'{"a": {"b": [5]}}', {"expect": [{"key": ["a", "b", 0], "method": "ge", "ref": 5}]}, {}, 1.0),
        ("check_json", b'{"a": {"b": 5}}', {"unexpect": [{"key": ["a", "b"], "method": "eq", "ref": 5}]}, {}, 0.0),
        ("check_json", b"{", {"expect": [{"key": ["a"], "method": "eq", "ref": 1}]}, {}, 0.0),
        ("check_json", b'{"a": "5"}', {"expect": [{"key": ["a"], "method": "gt", "ref": 1}]}, {}, 0.0),
        ("check_json", b"[" * 100_000, {"expect": [{"key": ["a"], "method": "eq", "ref": 1}]}, {}, 0.0),
        ("check_csv", b"k\n" + b"x" * 200_000, {"expect": [{"k": "x"}]}, {}, 0.0),
        ("compare_text_file", b"A  b\n", b"A b", {}, 0.0),
        ("compare_text_file", b"A  b\n", b"a b", {"ignore_blanks": True, "ignore_case": True}, 1.0),
        ("compare_csv", b"a,b \n", b"a,b\n", {}, 0.0),
        ("compare_csv", b"a,B \n", b"a,b", {"strict": False, "ignore_case": True}, 1.0),
        ("compare_answer", "x", {"expected": "x"}, {}, 1.0),
        ("diff_text_file", b"a\nb\nc\nd", b"a\nb\nc\ne", {}, 0.75),
        ("file_contains", b"one two", {"expected": ["one", "three"]}, {}, 0.0),
        ("check_direct_json_object", '{"a": 1, "b": 2}', {"expected": {"a": 1}}, {}, 1.0),
        ("check_direct_json_object", '{"a": 1}', {"expected": {"a": 1, "b": None}}, {}, 1.0),
        ("check_direct_json_object", "[]", {"expected": {}}, {}, 0.0),
        ("check_accessibility_tree", "<d><a name='x'><t>hi</t></a></d>", [{"xpath": "//a[@name='x']/t", "text": "hi"}], {}, 1.0),
        ("check_accessibility_tree", "<d><a name='x'/></d>", [{"xpath": "//a"}, {"xpath": "//b"}], {}, 0.0),
    ],
)  # fmt: skip
def test_metrics_are_those_of_osworld(
    metric: str, result: Any, expected: Any, options: dict[str, Any], worth: float
) -> None:
    assert METRICS[metric](result, expected, **options) == worth


# -- what is lacking ---------------------------------------------------------------------------------------------------

RESULT = {"type": "vm_file", "path": "/f", "dest": "f"}
RULE = {"type": "rule", "rules": {"expected": "x"}}
PLAIN = {"func": "exact_match", "result": RESULT, "expected": RULE}


@pytest.mark.parametrize(
    ("evaluator", "config", "message"),
    [
        ({**PLAIN, "func": "compare_docx_files"}, [], "no metric 'compare_docx_files' here, only check_acc"),
        ({**PLAIN, "result": {"type": "chrome_bookmarks"}}, [], "no getter 'chrome_bookmarks' here"),
        ({**PLAIN, "result": {**RESULT, "path": ["a", "b"]}}, [], "one file at a time"),
        ({**PLAIN, "result": {**RESULT, "gives": [0]}}, [], "vm_file is not used like that.*gives"),
        ({**PLAIN, "options": {"depth": 3}}, [], "exact_match is not used like that.*depth"),
        ({"func": "exact_match", "result": RESULT}, [], "exact_match is not used like that.*rules"),
        ({**PLAIN, "func": ["exact_match"] * 2}, [], "2 metrics, but 1 of result"),
        ({"func": "check_json", "result": RESULT, "expected": {"type": "rule", "rules": {"expect": [{"key": [], "method": "x"}]}}}, [], "no method 'x'"),
        ({"func": "check_accessibility_tree", "result": {"type": "accessibility_tree"}, "expected": {"type": "rule", "rules": [{"selectors": ["a"]}]}}, [], "no selectors"),
        ({**PLAIN, "func": "check_list", "expected": {"type": "rule", "rules": {"expect": ["("]}}}, [], "is no pattern"),
        (PLAIN, [{"type": "googledrive", "parameters": {}}], "no step 'googledrive' here, only activate_window"),
        (PLAIN, [{"type": "launch", "parameters": {"command": ["gimp", "a.png"]}}], "gimp is none of the programs here: chromium, "),
        (PLAIN, [{"type": "launch", "parameters": {}}], "launch is not used like that"),
        (PLAIN, [{"type": "launch", "parameters": {"command": "mousepad 'a"}}], "launch is not used like that.*No closing"),
        ({**PLAIN, "func": "check_list", "expected": {"type": "rule", "rules": ["x"]}}, [], "the rules of check_list are a dict"),
        (PLAIN, [{"type": "download", "parameters": {"files": [{"url": "https://a.example/b", "path": "/c.txt"}]}}], "nothing is downloaded here: fetch https://a.example/b yourself"),
        (PLAIN, [{"type": "open", "parameters": {"path": "/a.docx"}}], "no program here opens .docx"),
        (PLAIN, [{"type": "execute", "parameters": {"command": "echo {CLIENT_PASSWORD} | sudo -S ls"}}], "no {CLIENT_PASSWORD} here"),
        (PLAIN, [{"type": "execute", "parameters": {"command": ["python", "-c", "import pyautogui; print(1)"]}}], "only calls of pyautogui"),
        (PLAIN, [{"type": "upload_file", "parameters": {"files": [{"local_path": "/none", "path": "/a"}]}}], "there is no file /none"),
    ],
)  # fmt: skip
def test_a_task_that_needs_more_says_so_when_it_is_loaded(
    evaluator: dict[str, Any], config: list[dict[str, Any]], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "task.json"
    path.write_text(json.dumps({"id": "t", "instruction": "Do it.", "config": config, "evaluator": evaluator}))
    with pytest.raises(UnsupportedTaskError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith("task.json: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Invalid JSON"),
        ('{"id": "t", "instruction": "x"}', "evaluator: Field required"),
        ('{"id": "t", "instruction": "x", "evaluator": {"func": "infeasible", "conj": "xor"}}', "evaluator.conj"),
        ('{"id": "t", "instruction": "x", "evaluator": {"function": "x"}}', "evaluator.func"),
    ],
)
def test_what_is_no_task_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    path.write_text(text)
    with pytest.raises(CorruptFileError, match=message):
        load(path)


def test_files_that_osworld_would_download_come_from_the_cache(tmp_path: Path) -> None:
    (tmp_path / "gold.txt").write_text("Gold")
    evaluator = {
        "func": "compare_text_file",
        "result": RESULT,
        "expected": {"type": "cloud_file", "path": "https://a.example/xyz", "dest": "gold.txt"},
        "options": {"ignore_case": True},
    }
    disk = cast(Desktop, Disk({"/f": "gold"}))
    assert asyncio.run(task(evaluator, tmp_path).evaluate(disk, "DONE")) == 1.0
    with pytest.raises(UnsupportedTaskError, match=r"put it into .*other as gold\.txt"):
        task(evaluator, tmp_path / "other")


# -- on a real desktop -------------------------------------------------------------------------------------------------

EPISODE: dict[str, Any] = {
    "id": "5ea617a3",
    "snapshot": "os",
    "instruction": "Write 'done' below the list in todo.txt and save it.",
    "config": [
        {"type": "download", "parameters": {"files": [{"url": "https://a.example/1", "path": "/home/user/todo.txt"}]}},
        {"type": "execute", "parameters": {"command": ["mkdir", "-p", "/home/user/Desktop"]}},
        {"type": "launch", "parameters": {"command": ["lxterminal"]}},
        {"type": "open", "parameters": {"path": "/home/user/todo.txt"}},
        {"type": "sleep", "parameters": {"seconds": 2}},
        {"type": "activate_window", "parameters": {"window_name": "todo.txt", "strict": False}},
        {"type": "execute", "parameters": {"command": ["python3", "-c", "import pyautogui; pyautogui.hotkey('ctrl', 'end')"]}},
    ],
    "related_apps": ["os"],
    "evaluator": {
        "postconfig": [
            {"type": "activate_window", "parameters": {"window_name": "Mousepad", "by_class": True}},
            {"type": "execute", "parameters": {"command": ["python", "-c", "import pyautogui; import time; pyautogui.hotkey('ctrl', 's'); time.sleep(1);"]}},
            {"type": "close_window", "parameters": {"window_name": "LXTerminal"}},
        ],
        "func": ["compare_text_file", "check_include_exclude", "check_accessibility_tree", "exact_match"],
        "conj": "and",
        "result": [
            {"type": "vm_file", "path": "/home/user/todo.txt", "dest": "todo.txt"},
            {"type": "vm_command_line", "command": "ls /home/user"},
            {"type": "accessibility_tree"},
            {"type": "vm_screen_size"},
        ],
        "expected": [
            {"type": "cloud_file", "path": "https://a.example/2", "dest": "gold.txt"},
            {"type": "rule", "rules": {"include": ["todo.txt", "Desktop"], "exclude": ["secret"]}},
            {"type": "rule", "rules": [{"xpath": "//application[@name='mousepad']//menu[@name='File']"}]},
            {"type": "rule", "rules": {"expected": {"width": 1280, "height": 800}}},
        ],
        "options": [{"ignore_blanks": True}, {}, {}, {}],
    },
    "proxy": False,
}  # fmt: skip


def test_an_episode_of_osworld_on_a_real_desktop(tmp_path: Path) -> None:
    need()
    files = tmp_path / "os" / EPISODE["id"]
    files.mkdir(parents=True)
    (files / "todo.txt").write_text("bread\nmilk\n")
    (files / "gold.txt").write_text("bread milk done")
    (files / "settings.json").write_text("{}")
    path = files.with_suffix(".json")
    path.write_text(json.dumps(EPISODE))
    assert ids(tmp_path) == ["os/5ea617a3"]
    episode = load(path)
    assert episode.instruction == EPISODE["instruction"]
    with pytest.raises(ConfigError, match="no oracle"):
        episode.oracle(cast(Desktop, None))

    with pytest.raises(ConfigError, match="no task files"):
        ids(files / "empty")
    with gym.make("Desktop-v0", osworld=tmp_path) as env:
        assert isinstance(env, Episode)
        assert env.tasks() == ["os/5ea617a3"]
        with pytest.raises(UnknownNameError):
            env.reset(options={"task": "os/5ea617a4"})
        observation, _ = env.reset()
        assert EPISODE["instruction"] in observation
        desktop = env.unwrapped.state.desktop  # type: ignore[attr-defined]
        assert call(episode.evaluate(desktop, "DONE")) == 0.0
        env.step("pyautogui.write('done')")
        assert call(episode.evaluate(desktop, "FAIL")) == 0.0
        assert [window.program for window in call(desktop.windows())] == ["Mousepad"]
        _, reward, terminated, _, _ = env.step("DONE")
        assert (reward, terminated) == (1.0, True)
