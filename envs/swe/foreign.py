"""Rows of SWE-bench, SWE-Gym, SWE-smith and R2E-Gym as instances, and the repositories that they start from."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from agentrl.envs.swe import layout, patches, store
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.logs import read_statuses
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.sources import from_git
from agentrl.errors import ConfigError, CorruptFileError, UnknownNameError

Row = Mapping[str, Any]
Style = Literal["agentrl", "swe-bench", "swe-gym", "swe-smith", "r2e"]


def read(path: Path, style: str = "auto") -> list[Instance]:
    """The instances of a file: JSON lines, or one JSON array of rows.

    Args:
        style: of `STYLES`; `auto` looks at which fields each row has. SWE-Gym's rows are those of SWE-bench without
            `environment_setup_commit`.

    Raises:
        ConfigError: the file is not there, or is in parquet.
        UnknownNameError: there is no such style.
        CorruptFileError: a row lacks something, or is of no known style; the message gives its number.
    """
    if style not in ("auto", *STYLES):
        raise UnknownNameError("style", style, ("auto", *STYLES))
    found = []
    for number, row in enumerate(_rows(path), 1):
        where = f"{path}, row {number}"
        kind = style_of(row, where) if style == "auto" else style
        try:
            found.append(STYLES[kind](row, where))
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise CorruptFileError(where, f"not as {kind} has it: {error!r}") from error
    return found


def style_of(row: Row, where: object = "a row") -> Style:
    """Which data set a row is from, by its fields.

    Raises:
        CorruptFileError: none that is known.
    """
    if "parsed_commit_content" in row:
        return "r2e"
    if "bug_patch" in row:
        return "agentrl"
    if "base_commit" in row and "test_patch" in row:
        return "swe-bench" if "environment_setup_commit" in row else "swe-gym"
    if "image_name" in row and "FAIL_TO_PASS" in row:
        return "swe-smith"
    raise CorruptFileError(where, f"of no known data set; its fields are {', '.join(sorted(row)) or 'none'}")


@dataclass(frozen=True, slots=True)
class Brought:
    """What came of an import."""

    instances: list[Instance]
    """They can be played. Where a data set gives but the beginning of a commit's hash they have it whole."""
    refused: dict[str, str]
    """Why not, by instance id: patches that rename files, change binaries, or do not apply."""


def bring(instances: Sequence[Instance], checkouts: Mapping[str, Path], *, plain: bool = False) -> Brought:
    """Keep the repositories of instances, taken from local checkouts, so that the instances can be played.

    Args:
        checkouts: by `owner/name`. What is here already needs none.
        plain: run the tests in the sandbox with pytest alone, not in the image that the data set names.

    Raises:
        ConfigError: a repository is neither here nor among the checkouts (the message names all that is missing), or a
            checkout lacks the commit.
    """
    missing = Counter(i.repo for i in instances if i.repo not in checkouts and not store.has(i))
    if missing:
        listed = ", ".join(f"{repo} ({count} instances)" for repo, count in sorted(missing.items()))
        raise ConfigError(f"no code here for {listed}: clone each, and give it as --repo OWNER/NAME=PATH")
    known: dict[tuple[str, str], Repository] = {}
    brought = Brought([], {})
    for instance in instances:
        key = instance.repo, instance.base_commit
        if key not in known and instance.repo in checkouts:
            known[key] = from_git(checkouts[instance.repo], instance.base_commit, name=instance.repo)
            store.save(known[key])
        repository = known[key] if key in known else store.find(instance)
        try:
            start = patches.apply(repository.files, instance.bug_patch)
            patches.apply(patches.apply(start, instance.patch), instance.test_patch)
        except CorruptFileError as error:
            brought.refused[instance.instance_id] = str(error)
            continue
        image = "" if plain else instance.image_name
        brought.instances.append(replace(instance, base_commit=repository.commit, image_name=image))
    return brought


def _bench(row: Row, where: object) -> Instance:
    image = f"swebench/sweb.eval.x86_64.{row['instance_id'].lower().replace('__', '_1776_')}:latest"
    return Instance.from_dict({"image_name": image, **row}, where)


def _gym(row: Row, where: object) -> Instance:
    image = f"xingyaoww/sweb.eval.x86_64.{row['instance_id'].lower().replace('__', '_s_')}:latest"
    return Instance.from_dict({"image_name": image, **row}, where)


def _smith(row: Row, where: object) -> Instance:
    """Its `patch` makes the bug. Repository and commit stand in `repo`, or in the id: `owner__name.commit8.kind__…`."""
    match = re.match(r"(?:swesmith/)?([\w-]+)__([\w.-]+)\.([0-9a-f]{8})(?:\.|$)", row["repo"]) or re.match(
        r"([\w-]+)__([\w.-]+)\.([0-9a-f]{8})\.", row["instance_id"]
    )
    if not match:
        raise CorruptFileError(where, f"{row['instance_id']} names no repository and commit as SWE-smith does")
    image = row["image_name"]
    own = {
        "repo": f"{match[1]}/{match[2]}",
        "base_commit": row.get("base_commit") or match[3],
        "image_name": image if "/" in image else f"swebench/{image.lower().replace('__', '_1776_')}",
    }
    return Instance.from_dict({**row, **own, "patch": patches.reverse(row["patch"]), "bug_patch": row["patch"]}, where)


def _r2e(row: Row, where: object) -> Instance:
    """Its start is the parent of `commit_hash`; its tests are files of their own, and their ids stand in logs."""
    commit, runs = (_json(row[name]) for name in ("parsed_commit_content", "execution_result_content"))
    changed = {
        change["header"]["file"]["path"]: (change["old_file_content"], change["new_file_content"])
        for change in commit["file_diffs"]
        if not change.get("is_binary_file") and not layout.is_test(change["header"]["file"]["path"])
    }
    before, after = ({p: c[side].encode() for p, c in changed.items() if c[side]} for side in (0, 1))
    failed, passed = (read_statuses(runs[f"{name}_commit_res_stdout"]) for name in ("old", "new"))
    good = [test for test, status in passed.items() if status == "passed"]
    tests = {
        f"r2e_tests/{Path(name).name}": code.encode()
        for name, code in zip(runs["test_file_names"], runs["test_file_codes"], strict=True)
    }
    if not good:
        raise CorruptFileError(where, "the log of its tests at the fixed commit names none that passes")
    return Instance(
        instance_id=row.get("instance_id") or f"{row['repo_name']}__{row['commit_hash']}",
        repo=row["repo_name"],
        base_commit=f"{row['commit_hash']}^",
        patch=patches.diff(before, after),
        problem_statement=row["problem_statement"],
        FAIL_TO_PASS=tuple(test for test in good if failed.get(test) != "passed"),
        PASS_TO_PASS=tuple(test for test in good if failed.get(test) == "passed"),
        test_patch=patches.diff({}, tests),
        image_name=row["docker_image"],
    )


STYLES: dict[str, Callable[[Row, object], Instance]] = {
    "agentrl": Instance.from_dict,
    "swe-bench": _bench,
    "swe-gym": _gym,
    "swe-smith": _smith,
    "r2e": _r2e,
}


def _rows(path: Path) -> Iterator[Row]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if content.startswith(b"PAR1"):
        raise ConfigError(f"{path} is parquet; write it as JSON lines first: datasets' to_json() does")
    try:
        text = content.decode()
        rows = (
            json.loads(text)
            if text.lstrip().startswith("[")
            else [json.loads(s) for s in text.split("\n") if s.strip()]
        )
    except ValueError as error:
        raise CorruptFileError(path, f"neither JSON lines nor a JSON array: {error}") from error
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise CorruptFileError(f"{path}, row {number}", "no JSON object")
        yield row


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
