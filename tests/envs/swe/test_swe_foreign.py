"""Rows in the form of each data set become instances that fit a checkout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentrl.envs.swe import patches, store
from agentrl.envs.swe.foreign import bring, read
from agentrl.envs.swe.instance import Instance
from agentrl.errors import ConfigError, CorruptFileError, UnknownNameError
from tests.conftest import require
from tests.envs.swe.tiny import COUNTING, FILES, checkout, run

require("unidiff")

FIXED = FILES["tally/counting.py"]
BROKEN = COUNTING.replace("    if whole == 0:\n        return 0.0\n", "").encode()
FIX = patches.diff({"tally/counting.py": BROKEN}, {"tally/counting.py": FIXED})
NEW_TEST = patches.diff({}, {"tests/test_new.py": b"def test_new():\n    pass\n"})
F2P, P2P = ["tests/test_counting.py::test_share_of_nothing"], ["tests/test_counting.py::test_total_of_none"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTRL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return checkout(tmp_path / "tally")


def bench(base: str, **changes: Any) -> dict[str, Any]:
    """As the data set has it: lists as JSON strings."""
    return {
        "repo": "Someone/Tally",
        "instance_id": "Someone__Tally-12",
        "base_commit": base,
        "patch": FIX,
        "test_patch": NEW_TEST,
        "problem_statement": "share fails",
        "hints_text": "",
        "created_at": "2024-01-02T03:04:05Z",
        "version": "1.0",
        "FAIL_TO_PASS": json.dumps(F2P),
        "PASS_TO_PASS": json.dumps(P2P),
        "environment_setup_commit": base,
        **changes,
    }


def gym(base: str) -> dict[str, Any]:
    row = bench(base, FAIL_TO_PASS=F2P, PASS_TO_PASS=P2P)
    del row["environment_setup_commit"]
    return row


def smith(head: str, **changes: Any) -> dict[str, Any]:
    return {
        "instance_id": f"someone__tally.{head[:8]}.func_pm_remove_cond__abcdefgh",
        "repo": f"swesmith/someone__tally.{head[:8]}",
        "patch": patches.reverse(FIX),
        "FAIL_TO_PASS": F2P,
        "PASS_TO_PASS": P2P,
        "image_name": f"swesmith.x86_64.someone__tally.{head[:8]}",
        "problem_statement": "share fails",
        **changes,
    }


def r2e(fixed: str) -> dict[str, Any]:
    def change(path: str, old: str, new: str) -> dict[str, Any]:
        return {"header": {"file": {"path": path}}, "old_file_content": old, "new_file_content": new, "hunks": []}

    log = "=== short test summary info ===\n{} r2e_tests/test_1.py::test_share_of_nothing{}\n"
    log += "PASSED r2e_tests/test_1.py::test_ok\n"
    return {
        "repo_name": "tally",
        "docker_image": f"namanjain12/tally_final:{fixed}",
        "commit_hash": fixed,
        "parsed_commit_content": json.dumps(
            {
                "old_commit_hash": f"{fixed}^",
                "new_commit_hash": fixed,
                "file_diffs": [
                    change("tally/counting.py", BROKEN.decode(), FIXED.decode()),
                    change("tests/test_counting.py", "", "x = 1\n"),
                ],
            }
        ),
        "execution_result_content": json.dumps(
            {
                "test_file_names": ["test_1.py"],
                "test_file_codes": ["def test_ok():\n    pass\n"],
                "old_commit_res_stdout": log.format("FAILED", " - ZeroDivisionError"),
                "new_commit_res_stdout": log.format("PASSED", ""),
            }
        ),
        "expected_output_json": json.dumps({"test_share_of_nothing": "PASSED", "test_ok": "PASSED"}),
        "problem_statement": "share fails",
    }


def written(folder: Path, *rows: object, array: bool = False) -> Path:
    path = folder / "rows.json"
    path.write_text(json.dumps(rows) if array else "".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("style", "image"),
    [
        ("swe-bench", "swebench/sweb.eval.x86_64.someone_1776_tally-12:latest"),
        ("swe-gym", "xingyaoww/sweb.eval.x86_64.someone_s_tally-12:latest"),
        ("swe-smith", "swebench/swesmith.x86_64.someone_1776_tally.{head8}"),
        ("r2e", "namanjain12/tally_final:{fixed}"),
    ],
)
def test_each_style_fits_its_checkout(folder: Path, tmp_path: Path, style: str, image: str) -> None:
    head, fixed, base = (run(folder, "rev-parse", revision) for revision in ("HEAD", "HEAD~1", "HEAD~2"))
    row = {"swe-bench": bench(base), "swe-gym": gym(base), "swe-smith": smith(head), "r2e": r2e(fixed)}[style]
    [instance] = read(written(tmp_path, row))
    assert read(written(tmp_path, row, array=True), style) == [instance]
    [found] = bring([instance], {instance.repo: folder}).instances
    assert found.image_name == image.format(head8=head[:8], fixed=fixed)
    assert found.base_commit == (head if style == "swe-smith" else base)
    assert found.problem_statement == "share fails"
    repository = store.find(found)
    start = patches.apply(repository.files, found.bug_patch)
    assert start["tally/counting.py"] == BROKEN
    assert patches.apply(start, found.patch)["tally/counting.py"] == FIXED
    if style == "r2e":
        assert found.FAIL_TO_PASS == ("r2e_tests/test_1.py::test_share_of_nothing",)
        assert found.PASS_TO_PASS == ("r2e_tests/test_1.py::test_ok",)
        assert patches.apply(start, found.test_patch)["r2e_tests/test_1.py"] == b"def test_ok():\n    pass\n"
        assert "tests/test_counting.py" not in found.patch
    else:
        assert [*found.FAIL_TO_PASS, *found.PASS_TO_PASS] == F2P + P2P
    assert bring([found], {}, plain=True).instances[0].image_name == ""  # it is here now
    assert read(written(tmp_path, found.to_dict())) == [found]


def test_a_name_of_an_image_with_its_registry_is_left_as_it_is(tmp_path: Path) -> None:
    [instance] = read(written(tmp_path, smith("0" * 40, image_name="jyangballin/swesmith.x86_64.a_1776_b.0")))
    assert instance.image_name == "jyangballin/swesmith.x86_64.a_1776_b.0"
    assert (instance.repo, instance.base_commit) == ("someone/tally", "0" * 8)


def test_what_is_missing_is_named_all_at_once(folder: Path, tmp_path: Path) -> None:
    base = run(folder, "rev-parse", "HEAD~2")
    rows = [bench(base, instance_id=str(i), repo=repo) for i, repo in enumerate(["a/b", "a/b", "c/d", "Someone/Tally"])]
    with pytest.raises(ConfigError, match=r"for a/b \(2 instances\), c/d \(1 instances\): .* --repo OWNER/NAME=PATH"):
        bring(read(written(tmp_path, *rows)), {"Someone/Tally": folder})
    with pytest.raises(ConfigError, match="no revision"):
        bring(read(written(tmp_path, bench("f" * 40))), {"Someone/Tally": folder})


def test_patches_that_do_not_fit_are_left_out_with_the_reason(folder: Path, tmp_path: Path) -> None:
    base = run(folder, "rev-parse", "HEAD~2")
    rename = "diff --git a/README.md b/READ.md\nsimilarity index 100%\nrename from README.md\nrename to READ.md\n"
    rows = [
        bench(base),
        bench(base, instance_id="late", base_commit=f"{base}~0"),
        bench(base, instance_id="renames", patch=rename),
    ]
    rows[1]["patch"] = patches.reverse(FIX)
    brought = bring(read(written(tmp_path, *rows)), {"Someone/Tally": folder})
    assert [instance.instance_id for instance in brought.instances] == ["Someone__Tally-12"]
    assert "does not apply" in brought.refused["late"]
    assert "renamed" in brought.refused["renames"]


@pytest.mark.parametrize(
    ("content", "error", "reason"),
    [
        (b"PAR1\x00", ConfigError, "parquet"),
        (b'{"a": 1}\n', CorruptFileError, r"row 1: of no known data set; its fields are a"),
        (b'{"a": \n', CorruptFileError, "neither JSON lines nor a JSON array"),
        (b"[1]", CorruptFileError, "row 1: no JSON object"),
        (json.dumps(smith("0" * 40, repo="tally", instance_id="x")).encode(), CorruptFileError, "names no repository"),
        (json.dumps({"parsed_commit_content": "{}"}).encode(), CorruptFileError, r"row 1: not as r2e has it: KeyError"),
        (json.dumps(bench("0", FAIL_TO_PASS="[1]")).encode(), CorruptFileError, "no list of test ids"),
        (json.dumps(bench("0", FAIL_TO_PASS="[")).encode(), CorruptFileError, "no list of test ids"),
    ],
    ids=["parquet", "fields", "json", "array", "smith", "r2e", "tests", "tests no json"],
)
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, content: bytes, error: type[Exception], reason: str
) -> None:
    (tmp_path / "f.jsonl").write_bytes(content)
    with pytest.raises(error, match=reason):
        read(tmp_path / "f.jsonl")


def test_a_style_that_is_wrong_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'swe-bench'"):
        read(written(tmp_path), "swebench")
    with pytest.raises(CorruptFileError, match="not as r2e has it"):
        read(written(tmp_path, bench("0")), "r2e")
    with pytest.raises(ConfigError, match="No such file"):
        read(tmp_path / "nowhere.jsonl")


def test_our_own_instances_pass_unchanged(tmp_path: Path) -> None:
    ours = Instance("i", "a/b", "0" * 40, FIX, "text", tuple(F2P), tuple(P2P), bug_patch=patches.reverse(FIX))
    assert read(written(tmp_path, ours.to_dict())) == [ours]
