"""`report.html` of a run that learned from text shows pictures of its episodes all the same."""

from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path

import pytest

import agentrl  # noqa: F401 - registers the environments
from tests.conftest import require, require_chromium

for component in ("playwright", "PIL", "matplotlib", "torch.utils.tensorboard"):
    require(component)

from agentrl.agents.players import play_with, player_factory
from agentrl.config import Config, EnvConfig
from agentrl.errors import ConfigError
from agentrl.trainers.demos import make_env
from agentrl.trainers.loop import check
from agentrl.trainers.report import write_report
from agentrl.trainers.runs import RunWriter
from agentrl.types import Group, Task, Turn
from tests.envs.web.pictures import picture

require_chromium()

CONFIG = """seed = 1
[env]
id = "MiniWoB-v0"
kwargs = { task = "enter-text", manual = false }
"""
TASK = Task("MiniWoB-v0", "test/enter-text/1")


def report(path: Path, turns: list[Turn]) -> str:
    with RunWriter.create(path, CONFIG) as writer:
        writer.save_rollouts(0, [Group(TASK, turns)], [[0.0] * len(turns)])
    return write_report(path).read_text()


@pytest.fixture(scope="module")
def turns() -> list[Turn]:
    env = make_env(EnvConfig(id="MiniWoB-v0", kwargs={"task": "enter-text", "manual": False}))
    return play_with(env, player_factory("oracle"), TASK)


def test_pictures_of_the_same_actions(tmp_path: Path, turns: list[Turn]) -> None:
    assert not any(turn.images for turn in turns)
    shown = re.findall(r'src="data:image/png;base64,(.*?)"', report(tmp_path / "r", turns))
    pictures = [picture(b64decode(image, validate=True)) for image in shown]
    assert [image.size for image in pictures] == [(160, 210)] * (len(turns) + 1)
    assert len({image.tobytes() for image in pictures}) == len(pictures)


def test_an_episode_that_does_not_repeat_is_shown_without(tmp_path: Path, turns: list[Turn]) -> None:
    turns[-1].observation = "Another page."
    page = report(tmp_path / "r", turns)
    assert "data:image/png" not in page
    assert "There are no pictures: played again, the episode showed" in page
    assert "Another page." in page


def test_training_from_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave screenshots out"):
        check(Config.load(None, ["env.id=MiniWoB-v0", "env.kwargs.screenshots=true", f"run.dir={tmp_path}"]))
