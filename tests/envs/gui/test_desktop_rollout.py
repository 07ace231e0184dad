"""A model that sees, behind an OpenAI-compatible endpoint, uses a desktop."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import require

for component in ("docker", "PIL", "openai", "fastapi", "uvicorn", "jinja2", "tokenizers"):
    require(component)

from typer.testing import CliRunner

from agentrl.cli.app import app
from agentrl.records import read_groups
from tests.envs.gui.desktops import need
from tests.envs.web.pictures import picture
from tests.fixtures.chat_server import KEY, Asked, chat_server

SIZE = (1280, 800)
OPTIONS = {"template": "missing_program", "screenshots": "true", "observation_type": "none"}


def looks_and_gives_up(asked: Asked) -> str:
    """Moves the pointer, has another look, and says that it cannot be done; it has nothing but pictures to go by."""
    (screen,) = asked.messages[-1].pictures
    assert picture(screen).size == SIZE
    return ("pyautogui.moveTo(640, 300)", "WAIT", "FAIL")[len(asked.messages) // 2]


def test_an_episode_by_pictures_alone(tmp_path: Path) -> None:
    need()
    out, page = tmp_path / "episodes.jsonl", tmp_path / "page.html"
    options = [word for name, value in OPTIONS.items() for word in ("--with", f"{name}={value}")]
    with chat_server(looks_and_gives_up) as server:
        server.usage = {"prompt_tokens": 10, "completion_tokens": 5}
        where = ["--engine", server.url, "--model", "judge-1", "--api-key", KEY, "-n", "1", "--json"]
        files = ["--out", str(out), "--page", str(page)]
        done = CliRunner().invoke(app, ["rollout", "Desktop-v0", *options, *where, *files])
    assert done.exit_code == 0, (done.output, done.exception)
    assert json.loads(done.output)["solved"] == 1
    ((group, _),) = read_groups(out)
    assert [turn.action for turn in group.turns] == ["pyautogui.moveTo(640, 300)", "WAIT", "FAIL"]
    assert [list(turn.images) for turn in group.turns] == [asked.messages[-1].pictures for asked in server.asked]
    assert page.read_text().count("data:image/png;base64,") == len(group.turns) + 1
