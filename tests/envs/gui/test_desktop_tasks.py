"""Tasks of the desktop: each is solved by its oracle on a real desktop, and by nothing less."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.gui.desktop.actions import parse
from agentrl.envs.gui.desktop.desks import desks
from agentrl.envs.gui.desktop.inside.programs import PROGRAMS
from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks import TEMPLATES, Task, make_task, task_ids
from agentrl.envs.gui.desktop.tasks.acting import find
from agentrl.envs.gui.desktop.tasks.folders import MoveFiles
from agentrl.envs.gui.desktop.tasks.pictures import picture
from agentrl.envs.gui.desktop.tasks.settings import KEYFILE
from agentrl.envs.gui.desktop.tasks.sheet import table, workbook
from agentrl.envs.gui.desktop.tasks.words import SIZES
from agentrl.errors import UnknownNameError
from tests.envs.gui.desktops import clear, pixels

call = desks().call
IDS = st.builds(
    "{}/{}/{}".format, st.sampled_from(sorted(SIZES)), st.sampled_from(sorted(TEMPLATES)), st.integers(0, 499)
)


# -- what is drawn ---------------------------------------------------------------------------------------------------


@given(IDS)
def test_an_instance_is_the_same_every_time(task_id: str) -> None:
    first, second = make_task(task_id), make_task(task_id)
    assert first.instruction == second.instruction
    assert first.files == second.files
    assert first.programs == second.programs
    assert vars(first) == vars(second)


@given(IDS)
def test_an_instance_opens_programs_that_there_are_on_files_that_there_are(task_id: str) -> None:
    task = make_task(task_id)
    known = {argv[0] for argv in PROGRAMS.values()}
    assert task.programs
    for program, *arguments in task.programs:
        assert program in known
        for argument in arguments:
            path = argument.removeprefix("file://")
            assert argument.startswith("http://127.0.0.1") or any(file.startswith(path) for file in task.files)
    assert set(task.apps) <= known
    assert all(path.startswith(("/home/user/", "/tmp/")) for path in task.files)


def test_no_two_tasks_say_the_same_whatever_the_split() -> None:
    told: dict[str, str] = {}
    for split in SIZES:
        for task_id in task_ids(split)[: 25 * len(TEMPLATES)]:
            instruction = make_task(task_id).instruction
            assert instruction not in told, (task_id, told[instruction])
            told[instruction] = task_id


def test_ids_take_turns_among_templates() -> None:
    for split, size in SIZES.items():
        ids = task_ids(split)
        assert len(ids) == size * len(TEMPLATES) >= 12_000
        assert [make_task(i).template for i in ids[: len(TEMPLATES)]] == list(TEMPLATES)
        assert make_task(ids[len(ids) - 1]).task_id.endswith(f"/{size - 1}")
    with pytest.raises(UnknownNameError, match="did you mean 'valid'"):
        task_ids("valit")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "train",
        "train/rename_file",
        "train/rename_file/01",
        "train/rename_file/-1",
        "train/rename_file/20000",
        "valid/rename_file/500",
        "tran/rename_file/1",
        "train/renamefile/1",
        "train/rename_file/1/2",
        "train/rename_file/²",
    ],
)
def test_other_names_are_no_tasks(name: str) -> None:
    with pytest.raises(UnknownNameError):
        make_task(name)


def test_a_picture_has_its_colour_within_its_shape() -> None:
    width, height, lines = pixels(picture("red", "circle"))
    assert (width, height) == (96, 96)
    assert lines[48][3 * 48 : 3 * 48 + 3] == bytes((200, 30, 30))
    assert lines[0] == b"\xff" * 3 * 96
    areas = {shape: sum(line.count(b"\x1e\x96\x32") for line in pixels(picture("green", shape))[2]) for shape in
             ("circle", "square", "triangle")}  # fmt: skip
    assert areas["circle"] == pytest.approx(3.1416 * 30**2, rel=0.02)
    assert areas["square"] == 55**2
    assert areas["triangle"] == pytest.approx(60 * 60 / 2, rel=0.05)


# -- what is done ------------------------------------------------------------------------------------------------------


@pytest.fixture
def desktop(shared: Desktop) -> Iterator[Desktop]:
    """The one desktop of these tests, on which nothing is open; tasks have files of their own."""
    yield shared
    call(clear(shared))
    call(shared.run(f"rm -rf {KEYFILE} ~/.config/chromium", 10))


async def _solve(task: Task, desktop: Desktop) -> tuple[float, float, float]:
    """The score in the beginning, that for giving up, and that for what the oracle does."""
    await task.setup(desktop)
    nothing, giving_up = await task.grade(desktop), await task.evaluate(desktop, "FAIL")
    word = None
    async for text in task.oracle(desktop):
        assert word is None, "nothing comes after the end"
        action = parse(text, desktop.size)
        word = action.word
        if word is None:
            await desktop.perform(action.events)
            await desktop.settle()
    assert word is not None
    return nothing, giving_up, await task.evaluate(desktop, word)


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_oracle_solves_a_task_and_nothing_is_paid_for_nothing(template: str, desktop: Desktop) -> None:
    task = make_task(f"test/{template}/0")
    assert call(_solve(task, desktop)) == (0.0, float(not task.feasible), 1.0)


def test_a_file_that_is_dragged_into_a_folder_is_moved(desktop: Desktop) -> None:
    ids = task_ids("test")[len(TEMPLATES) :]  # the first one's file is where it shall be
    task = next(t for t in map(make_task, ids) if isinstance(t, MoveFiles) and len(t.moved) == 1)

    async def drag() -> float:
        await task.setup(desktop)
        file, folder = [await find(desktop, "table cell", name) for name in (task.moved[0], task.sub)]
        action = f"pyautogui.moveTo{file.middle}; pyautogui.dragTo{folder.middle}"
        await desktop.perform(parse(action, desktop.size).events)
        await desktop.settle()
        return await task.evaluate(desktop, "DONE")

    assert call(drag()) == 1.0


async def _after(task: Task, desktop: Desktop, *commands: str) -> float:
    """The score of what commands bring about, without any program open."""
    task.programs = ()
    await task.setup(desktop)
    for command in commands:
        assert (await desktop.run(command, 10)).ok, command
    return await task.grade(desktop)


def test_a_file_that_is_renamed_counts_if_the_others_stay(desktop: Desktop) -> None:
    task = make_task("test/rename_file/1")
    folder, old, new = (getattr(task, name) for name in ("folder", "old", "new"))
    other = next(name for name in task.files if not name.endswith(old))
    assert call(_after(task, desktop, f"mv {folder}/{old} {folder}/{new}")) == 1.0
    assert call(_after(task, desktop, f"rm {other}")) == 0.0
    assert call(_after(task, desktop, f"rm {folder}/{new}", f"cp {folder}/{old} {folder}/{new}")) == 0.0
    assert call(_after(task, desktop, f"rm {folder}/{old}", f"echo else > {folder}/{new}")) == 0.0


def test_each_of_two_settings_is_half_of_the_task(desktop: Desktop) -> None:
    task = make_task("test/set_editor/1")
    keys = {
        "show line numbers": "show-line-numbers",
        "wrap long lines": "word-wrap",
        "indent new lines by itself": "auto-indent",
    }
    first, second = (keys[name] for name in task.wanted)  # type: ignore[attr-defined]
    begin = f"mkdir -p {PurePosixPath(KEYFILE).parent}; echo '[org/xfce/mousepad/preferences/view]' > {KEYFILE}"
    assert call(_after(task, desktop, begin, f"echo {first}=true >> {KEYFILE}")) == 0.5
    assert call(_after(task, desktop, f"echo {second}=true >> {KEYFILE}")) == 1.0
    assert call(_after(task, desktop, f"echo {first}=false >> {KEYFILE}")) == 0.5
    assert call(_after(task, desktop, f"echo nonsense > {KEYFILE}")) == 0.0


_POST = "import sys, urllib.request as u; u.urlopen('http://127.0.0.1:8765/', sys.argv[1].encode())"


def test_each_field_of_a_form_counts(desktop: Desktop) -> None:
    task = make_task("test/fill_form/1")
    fields: dict[str, str] = task.fields  # type: ignore[attr-defined]

    def send(fields: dict[str, str]) -> float:
        return call(_after(task, desktop, shlex.join(["python3", "-c", _POST, urlencode(fields)])))

    assert send({**fields, "Number": "wrong"}) == 0.75
    assert send(fields) == 1.0
    assert json.loads(call(desktop.read("/tmp/form/received.json"))) == fields
    assert send({}) == 0.0


def test_spreadsheets_are_written_and_read_with_their_formulas_computed(desktop: Desktop) -> None:
    rows: list[list[str | int]] = [["a <&> b", 2], ['x,"y"', -5], ["=B1+B2", 0]]
    call(desktop.write("sheet.gnumeric", workbook(rows)))
    assert call(table(desktop, "sheet.gnumeric")) == [[str(value) for value in row] for row in rows]
    call(desktop.write("gaps.csv", b"1,,2,,\n,,,\n,3\n,,\n"))
    assert call(table(desktop, "gaps.csv")) == [["1", "", "2"], [], ["", "3"]]
    call(desktop.write("sums.csv", b"1,2\n3,=A1+B1+A2\n"))
    assert call(table(desktop, "sums.csv")) == [["1", "2"], ["3", "6"]]
    assert call(table(desktop, "missing.gnumeric")) == []
