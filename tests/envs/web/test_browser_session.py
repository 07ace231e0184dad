"""What a session sees, does and survives, in a real Chromium."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest

from agentrl.envs.web.browser import Answer, Browsers, Request, Session, View, browsers, session
from agentrl.errors import BrowserError
from tests.conftest import require, require_chromium
from tests.envs.web import browser_pages

require("playwright")
require_chromium()


class Tab:
    """A session used from outside of its loop."""

    def __init__(self, owner: Browsers) -> None:
        self.owner = owner
        self.session: Session = owner.call(owner.acquire())

    def open(self, path: str = "", **kwargs: Any) -> View:
        async def opened() -> View:
            return await self.session.open(browser_pages.URL + path, size=(400, 300), **kwargs)

        return self.owner.call(opened())

    def act(self, action: str) -> View:
        return self.owner.call(self.session.act(action))

    def by(self, view: View, words: str) -> str:
        """Id of the line with these words."""
        (bid,) = re.findall(rf"\[(\w+)\] [^\n]*{re.escape(words)}", view.tree)[:1]
        return str(bid)


@pytest.fixture
def tab() -> Iterator[Tab]:
    browsers().serve(browser_pages.HOST, browser_pages.site)
    made = Tab(browsers())
    yield made
    made.owner.release(made.session)


def test_the_tree(tab: Tab) -> None:
    view = tab.open()
    assert view.title == "Form"
    lines = [re.sub(r"\[\w+\] ", "", line) for line in view.tree.splitlines()]
    assert lines == [
        'heading "Everything"',
        'paragraph "Some bold words"',
        'textbox "Name"',
        'textbox "Key" value="••••••"',
        'checkbox "Agree"',
        'combobox "Colour" selected="red" options=["red", "green"]',
        'textbox "Notes" value="old" readonly',
        'button "Go"',
        'button "Never" disabled',
        'text "plain"',
        'generic "late" clickable',
        'button "Far"',
        "paragraph",
    ]
    assert tab.open().tree == view.tree  # ids and all
    boxed = tab.open(boxes=True).tree
    assert re.search(r'button "Go" at \(\d+, \d+\) size \d+x\d+', boxed)
    assert "Everything" not in tab.open(skip="h1").tree


def test_forms(tab: Tab) -> None:
    view = tab.open()
    name = tab.by(view, '"Name"')
    assert f'[{name}] textbox "Name" value="Ada" focused' in tab.act(f"fill('{name}', 'Ada')").tree
    assert f"Focus: {name}" in tab.act("keyboard_type(' L')").text()
    view = tab.act(f"press('{name}', 'Backspace')")
    assert '"Name" value="Ada " focused' in view.tree
    assert '"Name" focused' in tab.act(f"clear('{name}')").tree
    box, colour = tab.by(view, "Agree"), tab.by(view, "Colour")
    assert "checkbox" in (checked := tab.act(f"check('{box}')").tree)
    assert '"Agree" checked' in checked
    assert '"Agree" checked' not in tab.act(f"uncheck('{box}')").tree
    for option, value in (("green", "g"), ("red", "red"), ("g", "g")):
        view = tab.act(f"select_option('{colour}', '{option}')")
        assert view.tree.splitlines()[-1].endswith(f'{value}"')


def test_pointing(tab: Tab) -> None:
    view = tab.open()
    far, go, late = (tab.by(view, words) for words in ('"Far"', '"Go"', '"late"'))
    assert 'paragraph "far1"' in tab.act(f"click('{far}')").tree  # which has to be scrolled to
    assert 'paragraph "far1 go1 go2"' in tab.act(f"dblclick('{go}')").tree
    assert f'[{late}] generic "late clicked" clickable' in tab.act(f"click('{late}')").tree
    view = tab.open("drag")
    assert tab.act(f"drag_and_drop('{tab.by(view, 'from')}', '{tab.by(view, 'to')}')").title == "down up"
    assert tab.act("keyboard_press('Enter')").title == "Enter"


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("click('a99')", "there is no element a99"),
        ("fill('{Go}', 'x')", "takes no text"),
        ("fill('{Notes}', 'x')", "is read-only"),
        ("fill('{Never}', 'x')", "is disabled"),
        ("select_option('{Colour}', 'blue')", 'has no option "blue"'),
        ("select_option('{Go}', 'blue')", "has no options"),
        ("select_option('{Colour}', ['red', 'green'])", "takes one option"),
        ("check('{Go}')", "Not a checkbox"),
        ("press('{Name}', 'NoKey')", 'Unknown key: "NoKey"'),
        ("tab_focus(3)", "there is no tab 3"),
        ("tab_close()", "this is the only tab"),
        ("go_back()", "there is no page to go back to"),
        ("goto('http://elsewhere.test/')", "is not part of this task"),
        ("goto('file:///etc/passwd')", "is not part of this task"),
        ("noop(-1)", "wait between 0 and 60000 ms"),
        ("clik('a1')", "did you mean click"),
    ],
)
def test_errors_are_told(tab: Tab, action: str, error: str) -> None:
    view = tab.open()
    for words in re.findall(r"\{(\w+)\}", action):
        action = action.replace(f"{{{words}}}", tab.by(view, f'"{words}"'))
    after = tab.act(action)
    assert error in after.error
    assert f"Error: {after.error}" in after.text()
    assert after.url == browser_pages.URL
    assert not tab.session.broken


def test_covered_elements_cannot_be_clicked(tab: Tab) -> None:
    view = tab.open("covered")
    assert tab.act(f"click('{tab.by(view, 'under')}')").error.endswith(f"is covered by {tab.by(view, 'over')}")


def test_documents_tabs_and_what_lies_elsewhere(tab: Tab) -> None:
    view = tab.open("links")
    ids = {words: tab.by(view, f'"{words}"') for words in ("next", "away", "tab", "file", "secure", "ask")}
    assert tab.act(f"click('{ids['next']}')").title == "Next"
    assert tab.act("go_back()").title == "Links"
    for words in ("away", "secure"):
        view = tab.act(f"click('{ids[words]}')")
        assert view.title == "Links"
        assert view.notes[0].endswith("is not part of this task; it was refused")
    assert tab.act(f"click('{ids['file']}')").notes == ("the download of f.zip was refused",)
    assert tab.act(f"click('{ids['ask']}')").title in ("refused", "Links")  # cross-origin: the script learns nothing
    view = tab.act(f"click('{ids['tab']}')")
    assert (view.title, len(view.tabs)) == ("Next", 2)
    assert tab.act("tab_focus(0)").title in ("refused", "Links")
    tab.act("tab_focus(1)")
    assert len(tab.act("tab_close()").tabs) == 1
    assert tab.open("next").tabs == (browser_pages.URL + "next",)
    assert tab.act("go_back()").error  # what came before is forgotten


def test_a_form_is_sent_and_the_answer_awaited(tab: Tab) -> None:
    view = tab.open("links")
    tab.act(f"fill('{tab.by(view, 'Query')}', 'x y')")
    view = tab.act(f"click('{tab.by(view, 'Send')}')")
    assert (view.title, view.url) == ("Next", browser_pages.URL + "next?q=x+y")
    view = tab.open("late")
    assert tab.act(f"click('{tab.by(view, 'load')}')").title == str(len(browser_pages.PAGES["/next"]))


def test_dialogs_are_dismissed_and_told(tab: Tab) -> None:
    view = tab.open("dialogs")
    view = tab.act(f"click('{tab.by(view, 'ask')}')")
    assert view.title == "false"
    assert "Note: the page said 'Sure?' (confirm); it was dismissed" in view.text()


def test_time_and_chance_are_the_same_everywhere(tab: Tab) -> None:
    first = tab.open("time")
    assert first.tree.startswith('[a1] paragraph "2020-01-01T12:00:00.000Z 0.')
    titles = [tab.act(action).title for action in ("noop(0)", "noop(250)", "noop(10000)")]
    counts = [int(first.title), *map(int, titles)]
    assert [b - a for a, b in itertools.pairwise(counts)] == [0, 2, 100]
    assert tab.open("time") == first


def test_images_are_awaited(tab: Tab) -> None:
    asked: list[str] = []

    def site(request: Request) -> Answer:
        asked.append(request.path)
        return browser_pages.site(request)

    tab.owner.serve("images.test", site)
    view = tab.owner.call(tab.session.open("http://images.test/images", size=(400, 300), boxes=True))
    boxes = dict(re.findall(r'"(\w+)" at .* size (\d+x\d+)', view.tree))
    assert boxes.pop("sheet").startswith("5")  # the image, and what a button has around it
    assert boxes.pop("style").startswith("5")
    assert boxes == {"img": "40x30", "second": "40x30", "lazy": "0x0"}
    images = ["img.svg", "second.svg", "style.svg", "image.svg", "after.svg", "gone.svg", "gone.png", "missing.png"]
    assert {*asked} == {"/images", *(f"/{name}" for name in images)}
    assert asked.count("/images") == 1  # no address of an image is that of the page


def test_frames_and_shadows(tab: Tab) -> None:
    view = tab.open("parts")
    assert re.search(r'\[a\d\] iframe "inner"\n  \[b\d\] heading "Next"\n  \[b\d\] link "home"', view.tree)
    assert tab.act(f"click('{tab.by(view, 'shadow')}')").title == "pressed"
    assert tab.act(f"click('{tab.by(view, 'home')}')").tree.count("Everything") == 1


def test_nothing_is_remembered(tab: Tab) -> None:
    assert tab.open("store").title == "0"
    tab.open()
    assert tab.open("store").title == "0"


def test_digests_tell_states_apart(tab: Tab) -> None:
    def digest() -> str:
        return tab.owner.call(tab.session.digest())

    view = tab.open()
    start = digest()
    tab.act(f"fill('{tab.by(view, 'Name')}', 'x')")
    filled = digest()
    assert filled != start
    assert tab.open() == view
    assert digest() == start
    tab.act(f"fill('{tab.by(view, 'Name')}', 'x')")
    assert digest() == filled


def test_pictures(tab: Tab) -> None:
    from io import BytesIO

    image = require("PIL.Image")
    tab.open()
    plain = tab.owner.call(tab.session.screenshot())
    marked = tab.owner.call(tab.session.screenshot(marks=True))
    assert image.open(BytesIO(plain)).size == (400, 300)
    assert plain != marked
    assert plain == tab.owner.call(tab.session.screenshot())  # no mark is left


def test_crashes_are_typed_and_healed(tab: Tab) -> None:
    from playwright.async_api import Error

    tab.open()
    with pytest.raises(Error, match="crash"):
        tab.owner.call(tab.session.page.goto("chrome://crash"))
    for _ in range(2):
        with pytest.raises(BrowserError, match="reset the episode"):
            tab.act("noop()")
    after = Tab(tab.owner)
    assert after.session is not tab.session
    assert after.open().title == "Form"
    after.owner.release(after.session)


def test_a_page_that_hangs_is_given_up(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    view = tab.open("stuck")
    monkeypatch.setattr(session, "DEADLINE_S", 2.0)
    with pytest.raises(BrowserError, match="did not answer within 2 s"):
        tab.act(f"click('{tab.by(view, 'loop')}')")
    assert tab.session.broken


def test_a_browser_that_ended_is_replaced(tab: Tab) -> None:
    from playwright.async_api import Error

    async def crash() -> None:
        assert tab.session.context.browser
        devtools = await tab.session.context.browser.new_browser_cdp_session()
        await devtools.send("Browser.crash")

    tab.open()
    with pytest.raises(Error, match="closed"):
        tab.owner.call(crash())
    with pytest.raises(BrowserError, match="reset the episode"):
        tab.act("noop()")
    after = Tab(tab.owner)
    assert after.open().title == "Form"
    after.owner.release(after.session)


def test_sessions_run_inside_of_asyncio_side_by_side() -> None:
    browsers().serve(browser_pages.HOST, browser_pages.site)

    def visit(number: int) -> str:
        tab = Tab(browsers())
        view = tab.open()
        view = tab.act(f"fill('{tab.by(view, 'Name')}', 'n{number}')")
        tab.owner.release(tab.session)
        return view.tree

    async def main() -> list[str]:
        return await asyncio.gather(*(asyncio.to_thread(visit, number) for number in range(4)))

    for number, tree in enumerate(asyncio.run(main())):
        assert f'"Name" value="n{number}"' in tree
