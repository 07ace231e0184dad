"""Desktops as they are on a screen: set up once in a sandbox, looked at, and given back."""

from __future__ import annotations

import hashlib
import random
import threading
from dataclasses import dataclass
from functools import lru_cache

from agentrl.envs.gui.desktop.desks import desks
from agentrl.envs.gui.desktop.events import Event, Move
from agentrl.envs.gui.desktop.hands import clicked, pressed
from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks import make_task
from agentrl.envs.gui.desktop.tasks.base import HOME, command
from agentrl.envs.gui.desktop.view import View
from agentrl.envs.gui.grounding.elements import PROGRAM_NAMES, targets
from agentrl.envs.gui.grounding.scenes import Scene, Target
from agentrl.envs.own_loop import PerProcess
from agentrl.errors import DesktopError

PER_SCENE = 20
"""Tasks on the same desktop."""
TEMPLATES = (
    "append_line",
    "rename_file",
    "sum_column",
    "calculate",
    "fill_form",
    "find_picture",
    "move_files",
    "correct_cell",
    "look_up",
    "copy_into_sheet",
    "make_folder",
)
"""Tasks of `Desktop-v0` whose beginnings are shown, in turns."""
DIALOGS = {
    "mousepad": (("ctrl", "o"), ("ctrl", "r")),
    "thunar": (("ctrl", "shift", "n"), ("alt", "enter")),
    "gnumeric": (("ctrl", "f"), ("ctrl", "1")),
}
"""Keys that open dialogs."""
_LONG_AGO = "2024-03-01 12:00"
"""When all files were changed."""
_LOOKS = 10
"""At a desktop, until two are the same."""


@dataclass(frozen=True, slots=True)
class DesktopTask:
    """A task on a desktop."""

    beginning: str
    """Id of the task of `Desktop-v0` with whose beginning the screen is made."""
    turn: int
    """Which of the `PER_SCENE` tasks on that screen it is."""

    @classmethod
    def numbered(cls, split: str, number: int) -> DesktopTask:
        """The templates take turns, and so many tasks that follow each other have their screens in common."""
        template, others = TEMPLATES[number % len(TEMPLATES)], number // len(TEMPLATES)
        return cls(f"{split}/{template}/{others // PER_SCENE}", others % PER_SCENE)

    @property
    def kind(self) -> str:
        """The program in front."""
        return PROGRAM_NAMES[make_task(self.beginning).programs[-1][0]].lower()

    def scene(self, *, pictured: bool) -> Scene:
        return scene(self.beginning)

    def target(self, scene: Scene) -> Target:
        """Another one for each of the tasks that share the scene, as far as it has as many."""
        drawn = sorted(scene.targets, key=lambda target: hashlib.sha256(target.description.encode()).digest())
        return drawn[self.turn % len(drawn)]


def scene(beginning: str) -> Scene:
    """A desktop made from a task of `Desktop-v0`, with its picture.

    Raises:
        ConfigError, MissingExtraError: this machine cannot make desktops; the message says why.
        InfraError: none could be started, or it failed.
    """
    with _turns()[hash(beginning) % len(_turns())]:  # who wants the same one at the same time waits for it
        return _kept(beginning)


_turns = PerProcess(lambda: [threading.Lock() for _ in range(64)])


@lru_cache(maxsize=256)
def _kept(beginning: str) -> Scene:
    return desks().call(_make(beginning))


async def _make(beginning: str) -> Scene:
    async with await desks().acquire() as desktop:
        await arrange(desktop, beginning)
        return await look(desktop)


async def arrange(desktop: Desktop, beginning: str) -> None:
    """Bring a new desktop to what the scene shows: programs with files, and often an open menu or dialog.

    Raises:
        InfraError: the desktop failed.
    """
    task, rng = make_task(beginning), random.Random(f"grounding {beginning}")
    await task.furnish(desktop)
    await command(desktop, "find", HOME, "-exec", "touch", "-d", _LONG_AGO, "{}", "+")
    await task.launch(desktop)
    front = task.programs[-1][0]
    way = rng.choice(("nothing", "menu", "dialog"))
    menus = [node for node in await desktop.tree() if node.role == "menu" and node.app.lower() == front]
    if way == "dialog" and front in DIALOGS:
        await _open(desktop, *pressed(*rng.choice(DIALOGS[front])))
    elif way != "nothing" and menus:
        await _open(desktop, Move(*rng.choice(menus).middle), *clicked("left", 1))
    width, height = desktop.size
    await desktop.perform([Move(width - 1, height - 1)])  # the cursor is drawn later


async def look(desktop: Desktop) -> Scene:
    """A desktop as it is, once it is at rest.

    Raises:
        DesktopError: it does not come to rest.
        InfraError: it failed.
    """
    view = await View.of(desktop)
    for _ in range(_LOOKS):
        await desktop.settle()
        before, view = view, await View.of(desktop)
        if view.digest == before.digest:
            break
    else:
        raise DesktopError(f"what the desktop shows was another one at each of {_LOOKS} looks")
    tree = f"{view.heading()}\n{view.listing()}"
    return Scene(desktop.size, tree, targets(view, desktop.size), await desktop.screenshot())


async def _open(desktop: Desktop, *events: Event) -> None:
    """Open a window or a menu.

    Raises:
        DesktopError: none comes.
    """
    before = _count(await View.of(desktop))
    await desktop.perform(events)
    for _ in range(_LOOKS):
        await desktop.settle()
        if _count(await View.of(desktop)) > before:
            return
        await desktop.wait()
    raise DesktopError(f"nothing opens by {events}")


def _count(view: View) -> int:
    """Of windows, menus and their items."""
    return len(view.windows) + sum("menu" in node.role for node in view.nodes)
