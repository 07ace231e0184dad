"""The tasks that come with agentrl: bugs in the shipped libraries, each tried on their tests.

`manifest/` holds a file for each library: which bugs, and which tests they fail. Bugs are planted, and patches made,
when a task is asked for. `agentrl swe manifest` makes the files anew.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from agentrl.envs.swe import edits, judging, shipped, syntax
from agentrl.envs.swe.bugs.candidates import Candidate, planted
from agentrl.envs.swe.bugs.planting import Place
from agentrl.envs.swe.build import Built, to_instance
from agentrl.envs.swe.failures import Failure
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.statements import LeakError
from agentrl.envs.swe.taskset import SPLITS, Split
from agentrl.envs.swe.validation import Verdict
from agentrl.errors import CorruptFileError, UnknownNameError
from agentrl.files import atomic_write, json_line

SMALL_KINDS = ("ctrl_invert_if", "flip_operators", "op_break_chains", "op_change", "op_change_const", "op_swap")
"""Modifiers whose fix often is one edit of few words and signs."""
_SHARES = (70, 80, 100)
"""Per cent of the functions whose bugs are in each split, added up."""
_ANEW = "make the list anew with `agentrl swe manifest`"
_SHORT = 6
"""Words and signs in an edit that counts as small."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is known of a task without making it."""

    task_id: str
    """As `Instance.instance_id`."""
    library: str
    kind: str
    """The modifier, or how bugs are combined."""
    split: Split
    """Of the function that is broken: none has bugs in two splits."""
    small: bool
    """Whether the fix is one edit (`edits.py`) of few words and signs in a line that the surface `lines` shows: a tiny
    policy can make it."""
    places: tuple[Place, ...]
    verdict: Verdict


def tasks(split: str) -> tuple[str, ...]:
    """The ids of a split, library after library.

    Raises:
        UnknownNameError: there is no such split.
        CorruptFileError: the manifest does not fit the libraries.
    """
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    return tuple(task.task_id for task in _tasks().values() if task.split == split)


def task(task_id: str) -> Task:
    """What is known of a task.

    Raises:
        UnknownNameError: there is none of this id; the message names the nearest.
    """
    if task_id not in _tasks():
        raise UnknownNameError("task", task_id, _tasks())
    return _tasks()[task_id]


@lru_cache(maxsize=4096)
def instance(task_id: str) -> Instance:
    """A task, with its bug planted now.

    Raises:
        UnknownNameError: as for `task`.
        CorruptFileError: the bug is not the one that was tried.
    """
    wanted = task(task_id)
    repository = shipped.load(wanted.library)
    candidate = planted(repository, wanted.kind, wanted.places)
    made = to_instance(repository, _suite(wanted.library), candidate, wanted.verdict)
    if made.instance_id != task_id:
        raise CorruptFileError(task_id, f"the bug of this task is another one now: {_ANEW}")
    return made


def write_manifest(builds: Sequence[Built], folder: Path) -> int:
    """Write the file of a library from several builds of it; returns how many tasks it has.

    Bugs that touch functions of different splits are left out, and those that no statement can keep to itself.
    """
    repository, suite = builds[0].repository, builds[0].suite
    library = repository.name.partition("/")[2]
    kept = {candidate.key: (candidate, verdict) for built in builds for candidate, verdict in built.kept}
    rows = []
    for candidate, verdict in kept.values():
        splits = {_split(library, place.path, name) for place, name in _functions(repository, candidate)}
        if len(splits) == 1 and (made := _told(repository, suite, candidate, verdict)):
            failure = verdict.failure or Failure("", ())
            rows.append(
                {
                    "kind": candidate.kind,
                    "key": candidate.key,
                    "split": splits.pop(),
                    "small": _is_small(repository.files, candidate) and judging.is_sayable(made),
                    "places": list(map(str, candidate.places)),
                    "fails": [suite.index(test) for test in verdict.fails],
                    "statement": failure.statement,
                    "reason": failure.reason,
                }
            )
    with atomic_write(folder / f"{library}.jsonl") as file:
        file.write(json_line({"library": library, "commit": repository.commit, "suite": list(suite)}))
        for row in sorted(rows, key=lambda row: (row["kind"], row["places"])):
            file.write(json_line(row))
    return len(rows)


@cache
def _manifest(library: str) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
    """The first line, and the others."""
    path = files("agentrl.envs.swe") / "manifest" / f"{library}.jsonl"
    if not path.is_file():
        raise CorruptFileError(path, f"missing: {_ANEW}")
    head, *rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    if head["commit"] != shipped.load(library).commit:
        raise CorruptFileError(path, f"the library {library} has changed since: {_ANEW}")
    return head, rows


def _suite(library: str) -> tuple[str, ...]:
    return tuple(_manifest(library)[0]["suite"])


@cache
def _tasks() -> Mapping[str, Task]:
    return {task.task_id: task for library in shipped.names() for task in _read(library)}


def _read(library: str) -> Iterator[Task]:
    key, suite = shipped.load(library).key, _suite(library)
    for row in _manifest(library)[1]:
        fails = tuple(suite[number] for number in row["fails"])
        yield Task(
            f"{key}.{row['kind']}__{row['key']}",
            library,
            row["kind"],
            row["split"],
            row["small"],
            tuple(map(Place.parse, row["places"])),
            Verdict(fails, Failure(row["statement"], tuple(row["reason"])) if row["reason"] else None),
        )


def _split(library: str, path: str, function: str) -> Split:
    share = int(hashlib.sha256(f"{library}/{path}:{function}".encode()).hexdigest(), 16) % 100
    return next(split for split, end in zip(SPLITS, _SHARES, strict=True) if share < end)


def _told(repository: Repository, suite: Sequence[str], candidate: Candidate, verdict: Verdict) -> Instance | None:
    """The task that a candidate makes; None if no statement can keep the fix to itself."""
    try:
        return to_instance(repository, suite, candidate, verdict)
    except LeakError:
        return None


def _functions(repository: Repository, candidate: Candidate) -> Iterator[tuple[Place, str]]:
    """Each place of a candidate with the function, or the class, that it changes."""
    for place in candidate.places:
        before = repository.files[place.path]
        after = planted(repository, candidate.kind, [place]).files[place.path]
        yield place, _function_at(before, _first_difference(before, after))


def _first_difference(before: bytes, after: bytes) -> int:
    """The first line that differs, from 1."""
    old, new = before.split(b"\n"), after.split(b"\n")
    pairs = enumerate(zip(old, new, strict=False), 1)
    return next((number for number, (a, b) in pairs if a != b), min(len(old), len(new)))


def _function_at(source: bytes, line: int) -> str:
    """The innermost function or class around a line, with what is around that."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    around = [node for node in ast.walk(syntax.parse(source)) if isinstance(node, kinds)]
    return ".".join(node.name for node in around if node.lineno <= line <= (node.end_lineno or line))


def _is_small(files: Mapping[str, bytes], candidate: Candidate) -> bool:
    """Whether the fix is one edit of few words and signs."""
    changed = [path for path in files if files[path] != candidate.files.get(path)]
    if len(changed) != 1:
        return False
    right, wrong = (content[changed[0]].decode().split("\n") for content in (files, candidate.files))
    lines = [(w, r) for w, r in zip(wrong, right, strict=False) if w != r]
    if len(right) != len(wrong) or len(lines) != 1:
        return False
    edit = edits.shortest(*lines[0])
    return edit is not None and all(len(edits.tokens(part)) <= _SHORT for part in edit)
