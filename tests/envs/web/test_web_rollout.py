"""A model that sees, behind an OpenAI-compatible endpoint, uses web pages: what it is sent, and what is kept of it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require, require_chromium

for component in ("playwright", "PIL", "openai", "fastapi", "uvicorn", "jinja2", "tokenizers"):
    require(component)

from typer.testing import CliRunner

from agentrl.cli.app import app
from agentrl.envs.web.browser import browsers
from agentrl.records import read_groups
from tests.envs.web.pictures import picture
from tests.fixtures.chat_server import KEY, Asked, ChatServer, chat_server

require_chromium()

PAGE = ["MiniWoB-v0", "--with", "screenshots=true", "--with", "task=click-button"]


def looks_three_times(asked: Asked) -> str:
    """Waits three turns, then clicks the button that the text names."""
    if len(asked.messages) < 6:
        return "noop(0)"
    name, text = re.findall(r'Click on the "(.*?)" button', asked.messages[0].text)[0], asked.question
    (bid,) = re.findall(rf'\[(\w+)\] button "{name}"', text)
    return f"click('{bid}')"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server(looks_three_times) as served:
        served.usage = {"prompt_tokens": 10, "completion_tokens": 5}
        yield served


def rollout(server: ChatServer, *more: str) -> dict[str, Any]:
    where = ["--engine", server.url, "--model", "judge-1", "--api-key", KEY, "-n", "1", "--json", *more]
    done = CliRunner().invoke(app, ["rollout", *PAGE, *where])
    assert done.exit_code == 0, (done.output, done.exception)
    return dict(json.loads(done.output))


def test_the_model_gets_the_latest_pictures_and_the_files_have_all(server: ChatServer, tmp_path: Path) -> None:
    out, page = tmp_path / "episodes.jsonl", tmp_path / "page.html"
    assert rollout(server, "--images", "2", "--out", str(out), "--page", str(page))["solved"] == 1
    shown = [[len(m.pictures) for m in asked.messages if m.role == "user"] for asked in server.asked]
    assert shown == [[1], [1, 1], [0, 1, 1], [0, 0, 1, 1]]
    ((group, _),) = read_groups(out)
    assert [list(turn.images) for turn in group.turns] == [asked.messages[-1].pictures for asked in server.asked]
    assert [len(turn.last_images) for turn in group.turns] == [0, 0, 0, 1]
    everything = [image for turn in group.turns for image in (*turn.images, *turn.last_images)]
    assert {picture(image).size for image in everything} == {(160, 210)}
    record = json.loads(out.read_text())  # as anybody reads it
    assert [base64.b64decode(turn["images"][0]) for turn in record["turns"]] == everything[:-1]
    assert _displayed(page.read_text("utf-8")) == [(160, 210)] * len(everything)


def _displayed(page: str) -> list[tuple[int, int]]:
    """Sizes of the pictures in a page, as Chromium finds them."""

    async def look() -> list[tuple[int, int]]:
        session = await browsers().acquire()
        try:
            await session.open("about:blank", size=(800, 600))
            await session.page.set_content(page)
            script = "async () => { for (const i of document.images) await i.decode(); \
                return [...document.images].map(i => [i.naturalWidth, i.naturalHeight]) }"
            return [(width, height) for width, height in await session.evaluate(script)]
        finally:
            browsers().release(session)

    return browsers().call(look())


def test_no_pictures_are_sent_where_none_are_wanted(server: ChatServer, tmp_path: Path) -> None:
    out = tmp_path / "episodes.jsonl.gz"
    rollout(server, "--images", "0", "--out", str(out))
    assert all(isinstance(message.content, str) for asked in server.asked for message in asked.messages)
    ((group, _),) = read_groups(out)
    assert all(turn.images for turn in group.turns)
