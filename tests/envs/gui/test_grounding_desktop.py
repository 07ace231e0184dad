"""`Grounding-v0` on real desktops: what is described is where it is said to be."""

from __future__ import annotations

from collections.abc import Iterator

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from agentrl.envs.base import Episode
from agentrl.envs.gui.desktop.desks import Desks, desks
from agentrl.envs.gui.desktop.session import Desktop, Node
from agentrl.envs.gui.grounding import desktop_scenes
from agentrl.envs.gui.grounding.desktop_scenes import PER_SCENE, TEMPLATES, arrange, look, scene
from agentrl.envs.gui.grounding.scenes import Scene, Target
from agentrl.errors import SandboxError
from agentrl.types import Outcome
from tests.conftest import require

for component in ("docker", "PIL"):
    require(component)

from tests.envs.gui.desktops import chord, clear, click
from tests.envs.web.pictures import picture

call = desks().call
FOLDER, MENU, SUMS = "test/rename_file/2", "test/rename_file/1", "test/calculate/0"


@pytest.fixture
def desktop(shared: Desktop) -> Iterator[Desktop]:
    """The one desktop of these tests, on which nothing is open."""
    yield shared
    call(clear(shared))


def shown(desktop: Desktop, beginning: str) -> Scene:
    call(arrange(desktop, beginning))
    return call(look(desktop))


def press(desktop: Desktop, target: Target) -> tuple[Node, ...]:
    """Click into the middle of a target; what there is then."""
    x, y = target.box.centre
    call(desktop.perform(click(int(x), int(y))))
    call(desktop.settle())
    return call(desktop.tree())


def of(scene: Scene, start: str) -> dict[str, Target]:
    """Targets by what is described behind a start, quotation marks aside."""
    found = {t.description.removeprefix(start).strip('"'): t for t in scene.targets if t.description.startswith(start)}
    assert found
    return found


def test_episodes_are_on_the_desktop_that_another_one_shows_too(desktop: Desktop) -> None:
    number = len(TEMPLATES) * PER_SCENE + TEMPLATES.index("rename_file")  # the first task of that desktop
    env = gym.make("Grounding-v0", screen="desktop", screenshots=True)
    assert isinstance(env, Episode)
    text, info = env.reset(options={"task": f"test/desktop/{number}"})
    kept = scene(MENU)
    assert "1280 x 800 pixels" in text
    assert kept.tree in text
    assert text.endswith("Cursor: (640, 400), over nothing")
    assert picture(info["images"][0]).size == kept.size == (1280, 800)
    begun = env.snapshot()
    twin = env.fork()
    actions = list(env.oracle())
    told = [env.step(action) for action in actions]
    assert told[-1][-1]["outcome"] == Outcome.terminated(success=True)
    assert told[-1][-1]["rewards"] == {"outcome": 1, "position": 2, "format": 1}
    assert told[0][-1]["images"] != info["images"]
    env.restore(begun)
    for other in (twin, env):
        assert [other.step(action) for action in actions] == told

    descriptions = set()
    for task in (f"test/desktop/{number + len(TEMPLATES) * i}" for i in range(PER_SCENE)):
        text, _ = env.reset(options={"task": task})
        descriptions |= {line for line in text.splitlines() if line.startswith("Point at: ")}
        assert env.kind(task) == "files"
        for action in env.oracle():
            *_, info = env.step(action)
        assert info["outcome"].solved
    assert len(descriptions) == PER_SCENE

    again = shown(desktop, MENU)
    assert (again.tree, again.targets) == (kept.tree, kept.targets)
    assert again.picture == kept.picture


def test_a_click_on_a_target_acts_on_it(desktop: Desktop) -> None:
    files = of(shown(desktop, FOLDER), 'Files: the cell "')
    names = [name for name in files if name.endswith(".txt")]
    assert len(names) == 6
    for name in names[::2]:
        nodes = press(desktop, files[name])
        assert {node.name for node in nodes if node.name in names and "selected" in node.states} == {name}
    call(clear(desktop))

    seen = shown(desktop, MENU)
    item = of(seen, "Files: the menu item ")['Create Folder..." in the menu "File']
    assert not of(seen, "Files: ").keys() & {'the button "Back', 'the button "Home'}  # which the menu covers
    assert "File" in of(seen, "Files: the menu ")
    press(desktop, item)
    assert [window.title for window in call(desktop.windows())][1:] == ["Create New Folder"]
    call(clear(desktop))

    buttons = of(shown(desktop, SUMS), "Calculator: the button ")
    call(desktop.perform(chord("Escape")))  # the menu
    for digit in "719":
        nodes = press(desktop, buttons[digit])
    assert next(node.text for node in nodes if node.app == "galculator" and node.role == "text").strip() == "719"


def test_without_an_engine_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Desks()
    monkeypatch.setattr(desktop_scenes, "desks", lambda: nowhere)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    env = gym.make("Grounding-v0", screen="both")
    with pytest.raises(SandboxError, match="no Docker Engine answers"):
        env.reset(options={"task": "valid/desktop/499"})
