"""A real desktop: seen, used, copied and broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from agentrl.envs.gui.desktop.desks import desks, spec
from agentrl.envs.gui.desktop.events import MoveBy, Scroll, Text
from agentrl.envs.gui.desktop.inside.programs import PROGRAMS
from agentrl.envs.gui.desktop.session import Desktop, Node
from agentrl.errors import ActionError, ConfigError, DesktopError, SandboxError
from tests.envs.gui.desktops import chord, clear, click, pixels

call = desks().call


@pytest.fixture
def desktop(shared: Desktop) -> Iterator[Desktop]:
    """The one desktop of these tests, on which nothing is open."""
    yield shared
    call(clear(shared))


def editor(desktop: Desktop) -> Node:
    return next(n for n in call(desktop.tree()) if n.app == "mousepad" and n.role == "text")


def typed(desktop: Desktop, text: str) -> str:
    """The content of the editor after typing."""
    call(desktop.perform([Text(text)]))
    assert call(desktop.settle(120))
    return editor(desktop).text


def test_a_new_desktop_has_a_panel_with_every_program_and_no_window(desktop: Desktop) -> None:
    nodes = call(desktop.tree())
    assert {node.app for node in nodes} == {"panel"}
    assert [node.name for node in nodes if node.role == "push button"] == list(PROGRAMS)
    assert call(desktop.windows()) == ()
    assert call(desktop.focused()) is None
    for argv in PROGRAMS.values():
        assert call(desktop.run(f"command -v {argv[0]}", 10)).ok


def test_a_picture_shows_a_window_where_the_tree_says(desktop: Desktop) -> None:
    width, height, before = pixels(call(desktop.screenshot()))
    assert (width, height) == desktop.size == (1280, 800)
    call(desktop.launch(["mousepad"]))
    text = editor(desktop)
    _, _, lines = pixels(call(desktop.screenshot()))
    x, y = text.x + 40, text.y + 40  # away from the pointer, which is in the picture
    assert before[y][3 * x : 3 * x + 3] == b"\0\0\0"  # nothing but the background
    assert lines[y][3 * x : 3 * x + 3] == b"\xff\xff\xff"  # an empty page
    assert lines[0] == before[0]


def test_any_text_can_be_typed_and_saved(desktop: Desktop) -> None:
    call(desktop.write("note.txt", b""))
    call(desktop.launch(["mousepad", "note.txt"]))
    window = call(desktop.focused())
    assert window
    assert window.title.endswith("note.txt - Mousepad")
    text = "aA0~!|\\\"'§ÄÖüß\tΩ漢字🙂\n" + "".join(map(chr, range(0x410, 0x410 + 64)))
    assert typed(desktop, text) == text
    call(desktop.perform(chord("Control_L", "s")))
    call(desktop.settle())
    assert call(desktop.read("note.txt")).decode().rstrip("\n") == text


def test_only_clicks_of_one_action_are_a_double_click(desktop: Desktop) -> None:
    call(desktop.write("words.txt", b"wordwordword"))
    call(desktop.launch(["mousepad", "words.txt"]))
    text = editor(desktop)
    place = text.x + 20, text.y + 10
    for _ in range(2):
        call(desktop.perform(click(*place)))
    assert len(typed(desktop, "x")) == len("wordwordwordx")
    call(desktop.perform([*click(*place), *click(*place)]))
    assert typed(desktop, "y") == "y"


def test_keys_do_not_overtake_the_clicks_before_them(desktop: Desktop) -> None:
    call(desktop.write("words.txt", b"word"))
    call(desktop.launch(["mousepad", "words.txt"]))
    text = editor(desktop)
    place = text.x + 20, text.y + 10
    for letter in "abcdefghijkl":  # the window manager is often quick enough
        call(desktop.perform([*click(*place), *click(*place), Text(letter)]))
        assert typed(desktop, "word") == f"{letter}word"


def test_the_wheel_scrolls_and_the_pointer_moves_by_pixels(desktop: Desktop) -> None:
    call(desktop.write("long.txt", b"line\n" * 500))
    call(desktop.launch(["mousepad", "long.txt"]))

    def scrolled() -> float:
        return max(float(n.text) for n in call(desktop.tree()) if n.role == "scroll bar" and n.app == "mousepad")

    x, y = editor(desktop).middle
    call(desktop.perform([*click(x - 30, y), MoveBy(30, 0), Scroll(0, 100)]))
    call(desktop.settle())
    top = scrolled()
    call(desktop.perform([Scroll(0, -5)]))
    call(desktop.settle())
    down = scrolled()
    call(desktop.perform([Scroll(0, 2)]))
    call(desktop.settle())
    assert top < scrolled() < down


def test_the_panel_starts_programs_and_terminals_can_be_read(desktop: Desktop) -> None:
    button = next(node for node in call(desktop.tree()) if node.name == "Terminal")
    call(desktop.perform(click(*button.middle)))
    for _ in range(30):
        if window := call(desktop.focused()):
            break
        call(desktop.wait())
    assert window
    assert window.program == "Lxterminal"
    call(desktop.settle())
    call(desktop.perform([Text("echo $((6 * 7))$USER; pwd\n")]))
    call(desktop.settle())
    shown = next(node.text for node in call(desktop.tree()) if node.role == "terminal")
    assert re.search(r"^42\w*\n/home/user$", shown, re.MULTILINE)
    assert call(desktop.programs()) == (("lxterminal",),)


def test_a_screen_that_does_not_rest_is_told(desktop: Desktop) -> None:
    call(desktop.launch(["lxterminal"]))
    call(desktop.perform([Text("while date +%N; do :; done\n")]))
    assert not call(desktop.settle(0.5))
    call(clear(desktop))
    assert call(desktop.settle())


def test_work_that_goes_from_process_to_process_is_no_rest(desktop: Desktop) -> None:
    call(desktop.run("(while :; do /bin/true; done) > /dev/null 2>&1 & echo $! > /tmp/worker", 10))
    assert not any(call(desktop.settle(0.5)) for _ in range(4))  # of two that wait for each other, one always works
    call(desktop.run("kill $(cat /tmp/worker)", 10))
    assert call(desktop.settle())


def test_what_cannot_be_done_says_why_and_changes_nothing(desktop: Desktop) -> None:
    with pytest.raises(DesktopError, match="no-such-program does not start: No such file"):
        call(desktop.launch(["no-such-program"]))
    with pytest.raises(DesktopError, match="false ended with 1"):
        call(desktop.launch(["false"]))
    with pytest.raises(DesktopError, match=r"sleep opened no window within 0\.1 s"):
        call(desktop.launch(["sleep", "5"], limit_s=0.1))
    with pytest.raises(ActionError, match="no key is called 'Nokey'"):
        call(desktop.perform(chord("Nokey")))
    with pytest.raises(FileNotFoundError):
        call(desktop.read("nothing.txt"))
    assert len(call(desktop.tree(limit=3))) == 3
    with pytest.raises(ConfigError, match="320 to 4096 pixels"):
        spec((10, 10))


def test_a_fork_has_the_files_and_the_programs_of_its_own(desktop: Desktop) -> None:
    call(desktop.write("shared.txt", b"before"))
    call(desktop.launch(["mousepad", "shared.txt"]))
    kept = call(desktop.snapshot())
    twin = call(desktop.fork())
    try:
        assert [window.title for window in call(twin.windows())] == [w.title for w in call(desktop.windows())]
        assert editor(twin).text == "before"
        assert typed(twin, "twin ") == "twin before"
        assert editor(desktop).text == "before"
        call(twin.write("shared.txt", b"after"))
        assert call(desktop.read("shared.txt")) == b"before"
        call(twin.run("kill -9 $(pgrep -f 'desktop.pyz start')", 10))
        with pytest.raises(DesktopError, match="controller is gone"):
            call(twin.tree())
        call(twin.sandbox.run("kill -9 -1", 10))  # all but the sandbox's own agent
        assert call(twin.sandbox.read(PurePosixPath("/home/user/shared.txt"))) == b"after"
    finally:
        call(twin.close())
    with pytest.raises(SandboxError, match="closed"):
        call(twin.tree())
    again = call(desks().restore(kept))
    assert editor(again).text == "before"
    call(again.close())
