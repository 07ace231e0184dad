"""Diffs: applied they give what they were made from, by us and by git; turned around they take it back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.swe.patches import apply, diff, reverse, touched
from agentrl.errors import CorruptFileError
from tests.conftest import require

require("unidiff")

line = st.sampled_from(["", "a", "b", "  a\r", "x = 1\x0c", "-- a/f", "+++ b/f", "@@ -1 +1 @@", "\\ No", "ü\u2028"])
text = st.builds(
    lambda lines, end: ("\n".join(lines) + end).encode(), st.lists(line, max_size=12), st.sampled_from(["", "\n"])
)
tree = st.dictionaries(st.sampled_from(["f.py", "src/g.py", "tests/test_g.py"]), text)


@given(tree, tree)
def test_a_diff_leads_there_and_its_reverse_back(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    patch = diff(before, after)
    assert apply(before, patch) == after
    assert apply(after, reverse(patch)) == before
    assert set(touched(patch)) == {path for path in {*before, *after} if before.get(path) != after.get(path)}
    assert bool(patch) == (before != after)


BEFORE = {"f.py": b"a\n" * 9 + b"b", "gone.py": b"x\r\n", "empty.py": b"", "same.py": b"s"}
AFTER = {"f.py": b"a\n" * 9 + b"c\n", "new.py": b"n", "empty.py": b"full\n", "same.py": b"s"}


@pytest.mark.parametrize("turn", [False, True])
def test_git_agrees(tmp_path: Path, turn: bool) -> None:
    start, end = (AFTER, BEFORE) if turn else (BEFORE, AFTER)
    patch = reverse(diff(BEFORE, AFTER)) if turn else diff(BEFORE, AFTER)
    for path, content in start.items():
        (tmp_path / path).write_bytes(content)
    subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=tmp_path, check=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == end


def test_what_git_makes_is_taken(tmp_path: Path) -> None:
    for folder, files in (("a", BEFORE), ("b", AFTER)):
        (tmp_path / folder).mkdir()
        for path, content in files.items():
            (tmp_path / folder / path).write_bytes(content)
    done = subprocess.run(["git", "diff", "--no-index", "--no-prefix", "a", "b"], cwd=tmp_path, capture_output=True)
    assert apply(BEFORE, done.stdout.decode()) == AFTER


def test_a_hunk_is_found_where_lines_moved() -> None:
    before = {"f.py": b"".join(b"%d\n" % i for i in range(30))}
    after = {"f.py": before["f.py"].replace(b"20\n", b"twenty\n")}
    moved = {"f.py": b"new\n" * 7 + before["f.py"]}
    assert apply(moved, diff(before, after)) == {"f.py": b"new\n" * 7 + after["f.py"]}


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ("--- a/f.py\n+++ b/f.py\n@@ -1 +1 @@\n-other\n+b\n", "line 1 reads otherwise"),
        ("--- a/g.py\n+++ b/g.py\n@@ -1 +1 @@\n-a\n+b\n", "no such file"),
        ("diff --git a/f.py b/f.py\nnew file mode 100644\n--- /dev/null\n+++ b/f.py\n@@ -0,0 +1 @@\n+b\n", "already"),
        ("diff --git a/f.py b/g.py\nsimilarity index 100%\nrename from f.py\nrename to g.py\n", "renamed"),
        ("what?", "no unified diff"),
        ("--- a/f.py\n+++ b/f.py\n@@ -1,9 +1 @@\n-a\n", "no unified diff"),
    ],
)
def test_what_does_not_apply_is_told(patch: str, reason: str) -> None:
    with pytest.raises(CorruptFileError, match=reason):
        apply({"f.py": b"a\n"}, patch)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(CorruptFileError, match=r"f\.bin: not UTF-8"):
        diff({"f.bin": b"\xff"}, {"f.bin": b"\xfe"})
