"""The shipped tasks: enough of them, apart in their splits, and what they say they are."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from agentrl.envs.swe import edits, patches, shipped
from agentrl.envs.swe.repository import Repository
from agentrl.errors import CorruptFileError, UnknownNameError
from tests.conftest import require
from tests.envs.swe.tiny import need_processes

require("libcst")
from agentrl.envs.swe import tasks
from agentrl.envs.swe.bugs.candidates import planted
from agentrl.envs.swe.statements import leaks
from agentrl.envs.swe.taskset import SPLITS
from agentrl.envs.swe.validation import Bench
from agentrl.envs.swe.workshop import workshop

ALL = [task_id for split in SPLITS for task_id in tasks.tasks(split)]
SAMPLE = random.Random(7).sample(ALL, 40)


def test_there_are_enough() -> None:
    assert len(ALL) == len(set(ALL)) >= 500
    known = [tasks.task(task_id) for task_id in ALL]
    assert sum(task.small for task in known) >= 300
    assert {task.library for task in known} == set(shipped.names())
    kinds = Counter(task.kind for task in known)
    assert len(kinds) >= 12
    assert kinds["combine_file"] >= 20
    for split, share in (("train", 0.5), ("valid", 0.03), ("test", 0.08)):
        found = [task for task in known if task.split == split]
        assert len(found) >= share * len(ALL)
        assert any(task.small for task in found)


@pytest.mark.parametrize("task_id", SAMPLE)
def test_a_task_is_made_when_it_is_asked_for(task_id: str) -> None:
    task, instance = tasks.task(task_id), tasks.instance(task_id)
    repository = shipped.load(task.library)
    start = patches.apply(repository.files, instance.bug_patch)
    assert patches.apply(start, instance.patch) == repository.files
    assert (instance.instance_id, instance.base_commit) == (task_id, repository.commit)
    assert instance.FAIL_TO_PASS
    assert instance.PASS_TO_PASS
    assert set(instance.FAIL_TO_PASS).isdisjoint(instance.PASS_TO_PASS)
    assert instance.FAIL_TO_PASS[0] in instance.problem_statement
    assert not leaks(instance.problem_statement, planted(repository, task.kind, task.places))
    if task.small:
        [path] = patches.touched(instance.patch)
        lines = zip(start[path].decode().split("\n"), repository.files[path].decode().split("\n"), strict=True)
        [(wrong, right)] = [pair for pair in lines if pair[0] != pair[1]]
        edit = edits.shortest(wrong, right)
        assert edit
        assert edits.replace(wrong, *edit) == right


def test_no_function_is_broken_in_two_splits() -> None:
    seen: dict[tuple[str, str, str], str] = {}
    for task_id in SAMPLE:
        task = tasks.task(task_id)
        repository = shipped.load(task.library)
        for place, function in tasks._functions(repository, planted(repository, task.kind, task.places)):
            assert seen.setdefault((task.library, place.path, function), task.split) == task.split
    assert len(seen) > 20


def test_a_sample_holds_in_a_sandbox() -> None:
    need_processes()
    sample = [tasks.task(task_id) for task_id in SAMPLE[:6]]

    async def validate() -> None:
        for task in sample:
            repository = shipped.load(task.library)
            async with Bench(repository, "process", 60) as bench:
                run = await bench._run(planted(repository, task.kind, task.places).files)
            instance = tasks.instance(task.task_id)
            passed = {test for test, status in run.statuses.items() if status == "passed"}
            assert passed == set(instance.PASS_TO_PASS), task.task_id
            assert not passed & set(instance.FAIL_TO_PASS), task.task_id

    workshop().call(validate())
    workshop().call(workshop().close())


def test_unknown_names_are_told() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'train'"):
        tasks.tasks("training")
    with pytest.raises(UnknownNameError, match="did you mean"):
        tasks.instance(ALL[0] + "0")


@pytest.fixture
def fresh() -> None:
    """Nothing is remembered from before, nor kept for after."""
    for function in (tasks._manifest, tasks._tasks):
        function.cache_clear()


def test_a_list_for_other_code_is_refused(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    library = shipped.load("intervals")
    changed = Repository(library.name, "0" * 40, library.files)
    monkeypatch.setattr(shipped, "load", lambda name: changed)
    with pytest.raises(CorruptFileError, match=r"has changed since: .*`agentrl swe manifest`"):
        tasks.tasks("train")
    monkeypatch.undo()
    assert tasks.tasks("train")


def test_a_list_is_written_as_it_is_read(tmp_path: Path, fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {task_id: tasks.task(task_id) for task_id in ALL if tasks.task(task_id).library == "intervals"}
    repository = shipped.load("intervals")
    kept = [(planted(repository, task.kind, task.places), task.verdict) for task in list(known.values())[::8]]
    built = tasks.Built(repository, tasks._suite("intervals"), kept)
    assert tasks.write_manifest([built, built], tmp_path) == len(kept)
    shipped_lines = Path(shipped.__file__).with_name("manifest").joinpath("intervals.jsonl").read_bytes().splitlines()
    assert set((tmp_path / "intervals.jsonl").read_bytes().splitlines()) <= set(shipped_lines)
