"""Groups as JSON: the form in which rollouts rest on disk, readable by anything that reads JSON lines.

One group is one object: `task`, `turns` (parents before children), `notes` where there are any, and, per turn, what the
policy saw, said and got. Pictures are PNG files in base64.
Token ids are exact; log-probs and advantages are rounded to 1e-6, which halves the files.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentrl.errors import CorruptFileError
from agentrl.files import atomic_write, json_line
from agentrl.types import Group, Outcome, Task, Turn

Advantages = Sequence[float | Iterable[float]]
"""One entry per turn of a group, in the order of `Group.turns`: a number, or one number per action token (A,)."""

DIGITS = 6
_TURN = [f.name for f in dataclasses.fields(Turn)]
_IMAGES = ("images", "last_images")
_OUTCOME = [f.name for f in dataclasses.fields(Outcome)]


def group_to_json(group: Group, advantages: Advantages | None = None) -> dict[str, Any]:
    """A group, and what credit made of it, as plain JSON values, rounded.

    Raises:
        ValueError: `advantages` has not one entry per turn.
    """
    turns = [turn_to_json(turn, DIGITS) for turn in group.turns]
    if advantages is not None:
        for turn, advantage in zip(turns, advantages, strict=True):
            turn["advantage"] = _rounded(advantage)
    number = {} if group.number is None else {"number": group.number}
    notes = {"notes": group.notes} if group.notes else {}
    return {"task": dataclasses.asdict(group.task), **number, **notes, "turns": turns}


def group_from_json(record: Mapping[str, Any], source: object = "rollouts") -> tuple[Group, Advantages | None]:
    """The inverse of `group_to_json`. The advantages are None unless every turn has one.

    Raises:
        CorruptFileError: `record` is no group; the message names `source` and what is wrong.
    """
    try:
        group = Group(Task(**record["task"]), number=record.get("number"), notes=dict(record.get("notes", {})))
        for turn in record["turns"]:
            group.add(turn_from_json({key: value for key, value in turn.items() if key != "advantage"}))
        advantages = [turn.get("advantage") for turn in record["turns"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptFileError(source, f"not a group of turns: {type(error).__name__}: {error}") from error
    return group, None if None in advantages else advantages


def write_groups(path: Path, groups: Iterable[Group], advantages: Iterable[Advantages] | None = None) -> None:
    """Write groups to a JSON-lines file, gzipped where its name ends in `.gz`; it appears when it is complete."""
    records = (
        (group_to_json(g) for g in groups)
        if advantages is None
        else (group_to_json(g, a) for g, a in zip(groups, advantages, strict=True))
    )
    with atomic_write(path) as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=3, mtime=0, filename="") as packed:
                packed.writelines(json_line(r) for r in records)
        else:
            raw.writelines(json_line(r) for r in records)


def read_groups(path: Path) -> Iterator[tuple[Group, Advantages | None]]:
    """The inverse of `write_groups`.

    Raises:
        CorruptFileError: the file is damaged.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                yield group_from_json(json.loads(line), f"{path}, line {number}")
    except (EOFError, gzip.BadGzipFile, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CorruptFileError(path, str(error)) from error


def turn_to_json(turn: Turn, digits: int | None = None) -> dict[str, Any]:
    """A turn as plain JSON values; its log-probs and times rounded to so many digits, if any."""

    def short(value: float) -> float:
        return float(value) if digits is None else round(float(value), digits)

    return {
        **{name: getattr(turn, name) for name in _TURN},
        "prompt_ids": [int(i) for i in turn.prompt_ids],
        "action_ids": [int(i) for i in turn.action_ids],
        "logprobs": [short(x) for x in turn.logprobs],
        "versions": [int(v) for v in turn.versions],
        "rewards": {name: float(value) for name, value in turn.rewards.items()},
        "outcome": {name: getattr(turn.outcome, name) for name in _OUTCOME},
        "seconds": short(turn.seconds),
        "timing": {name: short(value) for name, value in turn.timing.items()},
        **{name: [base64.b64encode(image).decode() for image in getattr(turn, name)] for name in _IMAGES},
    }


def turn_from_json(record: Mapping[str, Any]) -> Turn:
    """The inverse of `turn_to_json`.

    Raises:
        KeyError, TypeError, ValueError: `record` is no turn.
    """
    images = {name: tuple(base64.b64decode(image, validate=True) for image in record.get(name, ())) for name in _IMAGES}
    return Turn(**{**record, **images, "outcome": Outcome(**record["outcome"])})


def _rounded(advantage: float | Iterable[float]) -> float | list[float]:
    if isinstance(advantage, (int, float)):
        return round(float(advantage), DIGITS)
    return [round(float(a), DIGITS) for a in advantage]
