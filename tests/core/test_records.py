"""Groups survive the way to disk and back."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.errors import CorruptFileError
from agentrl.files import atomic_write
from agentrl.records import group_from_json, group_to_json, read_groups, write_groups
from agentrl.types import Group, Outcome, Task, Turn

FLOATS = st.floats(-1e3, 1e3).map(lambda x: round(x, 6))
OUTCOMES = st.one_of(
    st.just(Outcome.running()),
    st.booleans().map(lambda ok: Outcome.terminated(success=ok)),
    st.text(max_size=9).flatmap(
        lambda t: st.sampled_from([Outcome.truncated(t), Outcome.invalid_action(t), Outcome.infra_error(t)])
    ),
)


@st.composite
def groups(draw: st.DrawFn) -> Group:
    group = Group(
        Task("Env-v0", draw(st.text(max_size=9)), draw(st.integers(0, 9)), {"goal": draw(st.text(max_size=9))}),
        notes=draw(st.dictionaries(st.text(max_size=5), st.lists(FLOATS | st.text(max_size=5)), max_size=2)),
    )
    for index in range(draw(st.integers(0, 5))):
        ids = draw(st.lists(st.integers(0, 999), max_size=4))
        group.add(
            Turn(
                parent=draw(st.none() | st.integers(0, index - 1)) if index else None,
                prompt_ids=draw(st.lists(st.integers(0, 999), max_size=4)),
                action_ids=ids,
                logprobs=[draw(FLOATS) for _ in ids],
                versions=[draw(st.integers(0, 3)) for _ in ids],
                observation=draw(st.text(max_size=20)),
                action=draw(st.text(max_size=20)),
                rewards=draw(st.dictionaries(st.text(max_size=5), FLOATS, max_size=3)),
                outcome=draw(OUTCOMES),
                feedback=draw(st.text(max_size=20)),
                finish_reason=draw(st.sampled_from(["stop", "length", "abort"])),
                cost={"prompt_tokens": 3.0},
                seconds=0.25,
                images=tuple(draw(st.lists(st.binary(max_size=9), max_size=2))),
                last_images=tuple(draw(st.lists(st.binary(max_size=9), max_size=2))),
            )
        )
    return group


@given(groups())
def test_json_round_trip(group: Group) -> None:
    advantages = [[0.5] * len(turn.action_ids) for turn in group.turns]
    record = json.loads(json.dumps(group_to_json(group, advantages)))
    assert group_from_json(record) == (group, advantages)


@given(groups().filter(lambda g: g.turns))
def test_without_advantages(group: Group) -> None:
    assert group_from_json(group_to_json(group)) == (group, None)


@pytest.mark.parametrize("name", ["g.jsonl", "g.jsonl.gz"])
def test_file_round_trip_is_plain_json_lines(tmp_path: Path, name: str) -> None:
    turn = Turn(
        None, [1], [2, 3], [-0.1234567891, -2.0], [7, 7], "Räum\nauf", "take ☕", {"outcome": 1}, Outcome.running()
    )
    group = Group(Task("E-v0", "t"), [turn])
    write_groups(tmp_path / name, [group, group], [[1.0], [[0.5, -0.5]]])
    opener = gzip.open if name.endswith("gz") else open
    with opener(tmp_path / name, "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    assert len(records) == 2
    assert records[0]["turns"][0]["logprobs"] == [-0.123457, -2.0]
    back = list(read_groups(tmp_path / name))
    assert [a for _, a in back] == [[1.0], [[0.5, -0.5]]]
    assert back[0][0].turns[0].action == "take ☕"
    assert back[0][0].turns[0].action_ids == [2, 3]


def test_a_mismatch_of_turns_and_advantages_is_an_error() -> None:
    group = Group(Task("E-v0", "t"), [Turn(None, [], [], [], [], "", "", {}, Outcome.running())])
    with pytest.raises(ValueError, match="zip"):
        group_to_json(group, [])


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"task": {}, "turns": []},
        {"task": {"env_id": "E", "task_id": "t"}, "turns": [{"parent": None}]},
        {"task": 3},
        {"task": {"env_id": "E", "task_id": "t"}, "turns": [{"images": ["no base64!"]}]},
        {"task": {"env_id": "E", "task_id": "t"}, "notes": 3, "turns": []},
    ],
)
def test_what_is_no_group_is_named(record: dict[str, object]) -> None:
    with pytest.raises(CorruptFileError, match="line 4"):
        group_from_json(record, "f.jsonl, line 4")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "g.jsonl.gz"
    write_groups(path, [Group(Task("E-v0", "t" * 999))])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CorruptFileError, match=r"g\.jsonl\.gz"):
        list(read_groups(path))
    path.write_text("not gzip")
    with pytest.raises(CorruptFileError, match=r"g\.jsonl\.gz"):
        list(read_groups(path))


def test_numbers_that_json_lacks_are_refused_and_leave_nothing_behind(tmp_path: Path) -> None:
    turn = Turn(None, [], [1], [math.nan], [0], "", "", {}, Outcome.running())
    with pytest.raises(ValueError, match="JSON"):
        write_groups(tmp_path / "g.jsonl", [Group(Task("E-v0", "t"), [turn])])
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")

    def fail() -> None:
        with atomic_write(path) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
