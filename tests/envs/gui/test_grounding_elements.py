"""What of a desktop can be pointed at: from trees made by hand, without a desktop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from agentrl.envs.gui.desktop.session import Node, Window
from agentrl.envs.gui.desktop.view import View
from agentrl.envs.gui.grounding import GroundingEnv, desktop_scenes
from agentrl.envs.gui.grounding.desktop_scenes import PER_SCENE, TEMPLATES, DesktopTask
from agentrl.envs.gui.grounding.elements import targets
from agentrl.envs.gui.grounding.reward import Box, Point
from agentrl.envs.gui.grounding.scenes import Scene, Target
from agentrl.envs.gui.grounding.tasks import make_task
from agentrl.errors import UnknownNameError

SIZE = (1280, 800)
Place = tuple[int, int, int, int]


def node(role: str, name: str, place: Place, depth: int, app: str = "mousepad") -> Node:
    return Node(app, role, name, "", frozenset({"sensitive"}), *place, depth)


def window(title: str, place: Place, number: int = 1) -> Window:
    return Window(number, title, "Program", number, *place, focused=False, hidden=False, command=())


def described(windows: Sequence[Window], *nodes: Node) -> dict[str, Box]:
    return {target.description: target.box for target in targets(View(tuple(windows), nodes), SIZE)}


EDITOR = window("note", (100, 100, 600, 400))
FRAME = node("frame", "note", (100, 100, 600, 400), 1)


def test_elements_have_the_words_of_people_and_the_numbers_of_the_listing() -> None:
    panel = node("frame", "Panel", (0, 768, 1280, 34), 1, "panel")
    button = node("push button", "Files", (0, 768, 64, 34), 2, "panel")
    menu = node("menu", "File", (100, 100, 40, 25), 2)
    view = View((EDITOR,), (panel, button, FRAME, node("text", "", (100, 125, 600, 375), 2), menu))
    found = targets(view, SIZE)
    assert [target.description for target in found] == [
        'Text Editor: the menu "File"',
        'panel: the button "Files"',
    ]
    assert [view.locate(int(target.name)) for target in found] == [menu.middle, button.middle]
    assert [target.box for target in found] == [Box(100, 100, 40, 25), Box(0, 768, 64, 32)]


@pytest.mark.parametrize(
    "hidden",
    [
        node("push button", "Save", (300, 300, 3, 20), 2),
        node("push button", "x" * 61, (300, 300, 80, 20), 2),
        node("push button", "one\ntwo", (300, 300, 80, 20), 2),
        node("push button", "", (300, 300, 80, 20), 2),
        node("label", "Save", (300, 300, 80, 20), 2),
        node("push button", "mousepad", (300, 300, 80, 20), 2),  # the name of the program says nothing
        node("push button", "Save", (670, 300, 80, 20), 2),  # most of it is outside of its window
    ],
)
def test_what_cannot_be_aimed_at_is_no_target(hidden: Node) -> None:
    assert described([EDITOR], FRAME, hidden) == {}


def test_of_what_is_cut_off_half_must_be_in_sight_and_counts() -> None:
    pane = node("scroll pane", "", (100, 150, 600, 70), 2)
    cells = [node("table cell", f"row {i}", (100, 150 + 40 * i, 600, 40), 3) for i in range(4)]
    found = described([EDITOR], FRAME, pane, *cells)
    assert list(found.values()) == [Box(100, 150, 600, 40), Box(100, 190, 600, 30)]
    assert list(found) == [
        'Text Editor: the cell "row 0"',
        'Text Editor: the cell "row 1"',
    ]


def test_what_another_window_covers_is_no_target() -> None:
    above = window("Calculator", (400, 100, 300, 300), 2)
    frame = node("frame", "Calculator", (400, 100, 300, 300), 1, "galculator")
    buttons = [node("push button", name, (left, 200, 80, 20), 2) for name, left in (("free", 110), ("under", 500))]
    digit = node("push button", "7", (500, 200, 40, 20), 2, "galculator")
    nodes = (FRAME, *buttons, frame, digit)
    assert set(described([EDITOR, above], *nodes)) == {
        'Text Editor: the button "free"',
        'Calculator: the button "7"',
    }
    assert set(described([above, EDITOR], *nodes)) == {
        'Text Editor: the button "free"',
        'Text Editor: the button "under"',
    }


def test_an_open_menu_hangs_over_its_window() -> None:
    menu = node("menu", "File", (100, 100, 40, 25), 2)
    items = [node("menu item", name, (100, 125 + 25 * i, 200, 25), 3) for i, name in enumerate(("New", "Open..."))]
    under = node("push button", "under", (150, 130, 80, 20), 2)
    beside = node("push button", "beside", (350, 130, 80, 20), 2)
    assert set(described([EDITOR], FRAME, menu, *items, under, beside)) == {
        'Text Editor: the menu "File"',
        'Text Editor: the menu item "New" in the menu "File"',
        'Text Editor: the menu item "Open..." in the menu "File"',
        'Text Editor: the button "beside"',
    }


def test_the_same_words_are_told_apart_by_their_order_or_not_used() -> None:
    row = [node("push button", "Add", (left, 200, 60, 20), 2) for left in (300, 120, 200)]
    assert described([EDITOR], FRAME, *row) == {
        'Text Editor: the button "Add", the first of 3 from the left': Box(120, 200, 60, 20),
        'Text Editor: the button "Add", the second of 3 from the left': Box(200, 200, 60, 20),
        'Text Editor: the button "Add", the third of 3 from the left': Box(300, 200, 60, 20),
    }
    column = [node("push button", "Add", (120, top, 60, 20), 2) for top in (200, 240)]
    assert list(described([EDITOR], FRAME, *column)) == [
        'Text Editor: the button "Add", the first of 2 from the top',
        'Text Editor: the button "Add", the second of 2 from the top',
    ]
    astray = node("push button", "Add", (400, 330, 60, 20), 2)
    cut_off = node("push button", "Add", (120, 495, 60, 20), 2)
    assert described([EDITOR], FRAME, *column, astray) == {}
    assert described([EDITOR], FRAME, *column, cut_off) == {}  # it shows in part, and might be meant


def test_what_has_no_window_neither_is_a_target_nor_covers_any() -> None:
    ghost = node("frame", "", (100, 100, 600, 400), 1)
    button = node("push button", "Save", (300, 300, 80, 20), 2)
    assert list(described([EDITOR], FRAME, button, ghost, button)) == ['Text Editor: the button "Save"']


def test_dialogs_are_named() -> None:
    dialog = node("dialog", "Open File", (300, 200, 300, 200), 1)
    button = node("push button", "Cancel", (320, 360, 80, 24), 2)
    windows = [EDITOR, window("Open File", (300, 200, 300, 200), 2)]
    assert list(described(windows, FRAME, dialog, button)) == [
        'Text Editor: the button "Cancel" in the window "Open File"'
    ]


def test_many_tasks_share_a_desktop_and_none_has_the_target_of_another() -> None:
    tasks = [make_task(task_id) for task_id in GroundingEnv(screen="desktop", split="test").tasks()]
    assert len(tasks) == 500
    together: dict[str, list[DesktopTask]] = {}
    for task in tasks:
        assert isinstance(task, DesktopTask)
        together.setdefault(task.beginning, []).append(task)
    assert list(together)[: len(TEMPLATES)] == [f"test/{template}/0" for template in TEMPLATES]
    first = together[f"test/{TEMPLATES[0]}/0"]
    assert len(first) == PER_SCENE
    drawn = Scene(SIZE, "", tuple(Target(str(i), f"thing {i}", Box(i, 0, 1, 1)) for i in range(40)), b"")
    assert len({task.target(drawn) for task in first}) == PER_SCENE
    assert {task.kind for task in tasks} == {"text editor", "files", "spreadsheet", "calculator", "web browser"}


def test_who_wants_the_same_desktop_at_the_same_time_gets_the_same_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    async def make(beginning: str) -> Scene:
        made.append(beginning)
        await asyncio.sleep(0.05)
        return Scene(SIZE, beginning, (), b"")

    monkeypatch.setattr(desktop_scenes, "_make", make)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(desktop_scenes.scene, ["one", "other"] * 4))
    desktop_scenes._kept.cache_clear()
    assert sorted(made) == ["one", "other"]
    assert [scene.tree for scene in found] == ["one", "other"] * 4


def test_the_smallest_element_is_under_the_cursor() -> None:
    names = [Target("1", "a row", Box(0, 0, 100, 20)), Target("2", "its button", Box(80, 0, 20, 20))]
    scene = Scene(SIZE, "", tuple(names), b"")
    assert [scene.under(Point(x, 10)) for x in (10, 90, 100)] == ["1", "2", ""]


def test_ids_tell_the_screen() -> None:
    pages, desktops, both = (GroundingEnv(screen=screen).tasks("test") for screen in ("page", "desktop", "both"))
    assert pages[17] == "test/17"
    assert desktops[17] == "test/desktop/17"
    assert sorted(both) == sorted([*pages, *desktops])
    assert list(both[:4]) == ["test/0", "test/desktop/0", "test/1", "test/desktop/1"]
    with pytest.raises(UnknownNameError, match="screen 'desk'; did you mean 'desktop'"):
        GroundingEnv(screen="desk")  # type: ignore[arg-type]
    for task in ("test/desktop/500", "test/desktop/01", "test/desktop/", "test/desk/1", "desktop/1"):
        with pytest.raises(UnknownNameError, match="task"):
            make_task(task)
