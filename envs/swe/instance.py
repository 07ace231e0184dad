"""A task in the SWE-bench instance schema: one JSON object per line, as the field's data sets have it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from agentrl.errors import CorruptFileError, UnknownNameError
from agentrl.files import atomic_write

_LISTS = ("FAIL_TO_PASS", "PASS_TO_PASS")
_NEEDED = ("instance_id", "repo", "base_commit", "FAIL_TO_PASS", "PASS_TO_PASS")


@dataclass(frozen=True, slots=True)
class Instance:
    """A repository with a bug, and the tests that tell when it is gone.

    The agent starts from `base_commit` with `bug_patch` applied; `patch`, applied to that start, solves the task. Both
    are unified diffs as git makes them. In SWE-bench's own instances the bug is in the commit: `bug_patch` is empty.
    """

    instance_id: str
    """Unique, e.g. `agentrl__intervals.1a2b3c4d.op_change__0f9e8d7c`."""
    repo: str
    """`owner/name`, e.g. `agentrl/intervals`."""
    base_commit: str
    """Hexadecimal; for sources without history a hash of their content."""
    patch: str
    """The fix. For graders and oracles alone: nothing of it may reach an agent."""
    problem_statement: str
    FAIL_TO_PASS: tuple[str, ...]
    """Ids of tests (pytest's node ids) that fail at the start and pass with the fix."""
    PASS_TO_PASS: tuple[str, ...]
    """Ids of tests that pass before and after."""
    test_patch: str = ""
    """What the grader, and nobody else, adds to the tests."""
    bug_patch: str = ""
    hints_text: str = ""
    created_at: str = ""
    version: str = ""
    environment_setup_commit: str = ""
    image_name: str = ""
    """The image of the repository's commit; empty for the one that holds Python and pytest alone."""

    @property
    def tests(self) -> tuple[str, ...]:
        """FAIL_TO_PASS, then PASS_TO_PASS."""
        return self.FAIL_TO_PASS + self.PASS_TO_PASS

    @classmethod
    def from_dict(cls, row: Mapping[str, Any], where: object = "an instance") -> Instance:
        """From a row of a data set in this schema. The lists of tests may be JSON strings, as SWE-bench has them.

        Args:
            where: file and line, for messages.

        Raises:
            CorruptFileError: a field is missing or of another type.
        """
        if missing := [name for name in _NEEDED if name not in row]:
            raise CorruptFileError(where, f"lacks {', '.join(missing)}: not the SWE-bench instance schema")
        values: dict[str, Any] = {}
        for field in fields(cls):
            value = row.get(field.name)
            if field.name in _LISTS:
                value = _parsed(value) if isinstance(value, str) else value
                if not isinstance(value, list | tuple) or not all(isinstance(test, str) for test in value):
                    raise CorruptFileError(where, f"{field.name} is no list of test ids: {value!r:.80}")
                values[field.name] = tuple(value)
            else:
                if not isinstance(value, str | None):
                    raise CorruptFileError(where, f"{field.name} is no text: {value!r:.80}")
                values[field.name] = value or ""
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), **{name: list(getattr(self, name)) for name in _LISTS}}


def _parsed(text: str) -> object:
    """The value of JSON, or the text where it is none."""
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value


def read_instances(path: Path) -> dict[str, Instance]:
    """Instances by id, from a file of JSON lines.

    Raises:
        CorruptFileError: a line is no instance, or an id comes twice; the message gives the line.
    """
    found: dict[str, Instance] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise CorruptFileError(where, f"no JSON: {error}") from error
        if not isinstance(row, dict):
            raise CorruptFileError(where, "no JSON object")
        instance = Instance.from_dict(row, where)
        if instance.instance_id in found:
            raise CorruptFileError(where, f"{instance.instance_id} comes twice")
        found[instance.instance_id] = instance
    return found


def write_instances(path: Path, instances: Iterable[Instance]) -> None:
    """Write a file that `read_instances` reads."""
    with atomic_write(path) as file:
        for instance in instances:
            file.write(json.dumps(instance.to_dict()).encode() + b"\n")


def pick(instances: Mapping[str, Instance], instance_id: str) -> Instance:
    """One of them.

    Raises:
        UnknownNameError: there is none of this id; the message names the nearest.
    """
    if instance_id not in instances:
        raise UnknownNameError("instance", instance_id, instances)
    return instances[instance_id]
