"""`agentrl envs watch`, as people see it: its page in a real Chromium."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.conftest import require, require_chromium

for component in ("playwright", "PIL", "starlette", "uvicorn", "httpx"):
    require(component)

from playwright.sync_api import sync_playwright
from starlette.testclient import TestClient

from agentrl.agents.watching import Show
from agentrl.cli.watch import watch
from agentrl.cli.watch_server import asgi
from agentrl.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROGRAM = require_chromium()

PATIENCE_MS = 240_000
"""For a busy machine."""
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()


@contextmanager
def watching(*arguments: str) -> Iterator[str]:
    """The address of a show, which Ctrl-C ends."""
    command = "import sys; from agentrl.cli import main; sys.argv[0] = 'agentrl'; main()"
    words = [sys.executable, "-c", command, "envs", "watch", *arguments, "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said.startswith(f"watch {arguments[0]} at http://127.0.0.1:")
            yield said.split()[-1]
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def wait_for(page: Page, condition: str) -> None:
    page.wait_for_function(condition)


SEEN = "document.querySelector('#screen img')?.src"


def test_pictures_change_while_the_oracle_plays(page: Page) -> None:
    with watching("MiniWoB-v0", "--with", "task=enter-text", "--delay", "0.1") as url:
        page.goto(url)
        wait_for(page, "document.querySelector('#turns .good:last-child')?.innerText === 'solved'")
        pictures = []
        for item in page.locator("#turns li").all():
            item.click()
            pictures.append(page.evaluate(f"document.querySelector('#screen img').decode().then(() => {SEEN})"))
        actions = page.locator("#turns code").all_inner_texts()
        assert actions[0].startswith("fill('")
        assert actions[1].startswith("click('")
        assert len(pictures) == len(set(pictures)) == 3
        assert "URL: http://miniwob.test" in page.locator("#screen pre").inner_text()
        assert "outcome +1, raw +1" in page.locator("#turns").inner_text()


def test_a_person_plays_and_sees_what_comes_of_it(page: Page) -> None:
    with watching("Grounding-v0", "--agent", "human", "--delay", "0", "--task", "test/3") as url:
        page.goto(url)
        wait_for(page, SEEN)
        before = page.evaluate(SEEN)
        page.locator("input").fill("move_to()")
        page.evaluate("document.querySelector('input').setSelectionRange(8, 8)")
        page.locator("#screen img").click(position={"x": 30, "y": 40})
        written = page.locator("input").input_value()
        page.locator("input").press("Enter")
        wait_for(page, f"{SEEN} !== {before!r}")
        assert f"Cursor: {written.removeprefix('move_to')}" in page.locator("#screen pre").inner_text()
        page.locator("input").fill("stop()")
        page.locator("input").press("Enter")
        wait_for(page, "document.querySelector('#turns .bad')?.innerText === 'failed'")


def test_what_has_no_pictures_is_read(page: Page) -> None:
    with watching("WebShop-v0", "--with", "browser=false", "--with", "products=300", "--delay", "0") as url:
        page.goto(url)
        wait_for(page, "document.querySelector('#turns .good:last-child')?.innerText === 'solved'")
        assert page.locator("#turns code").first.inner_text().startswith("search[")
        assert page.locator("#screen img").count() == 0
        page.locator("#turns li").first.click()
        assert "Instruction" in page.locator("#screen pre").inner_text()


def test_other_sites_cannot_play() -> None:
    for by_hand, headers, body, status in (
        (True, {"Content-Type": "application/json"}, '{"action": "1"}', 204),
        (True, {"Content-Type": "text/plain"}, '{"action": "1"}', 415),
        (True, {"Content-Type": "application/json", "Host": "evil.example"}, '{"action": "1"}', 400),
        (True, {"Content-Type": "application/json"}, "[1]", 422),
        (False, {"Content-Type": "application/json"}, '{"action": "1"}', 404),
    ):
        show = Show()
        client = TestClient(asgi(show, "Countdown-v0", "127.0.0.1", by_hand=by_hand), "http://127.0.0.1")
        assert client.post("/act", headers=headers, content=body).status_code == status
        assert show.typed.empty() == (status != 204)


def test_who_plays_is_said_once() -> None:
    with pytest.raises(ConfigError, match="--engine and --model together"):
        watch("Countdown-v0", engine="http://127.0.0.1:1/v1")
    with pytest.raises(UnknownNameError, match="did you mean 'oracle'"):
        watch("Countdown-v0", agent="orakle", port=0)


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(ConfigError, match="choose another --port"):
        watch("Countdown-v0", port=other.getsockname()[1])
