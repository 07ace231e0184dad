"""Tasks on what programs are set to."""

from __future__ import annotations

import configparser
from collections.abc import AsyncIterator

from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks.acting import click, find
from agentrl.envs.gui.desktop.tasks.base import HOME, Task, text
from agentrl.envs.gui.desktop.tasks.words import Dice

KEYFILE = f"{HOME}/.config/glib-2.0/settings/keyfile"
_SWITCHES = {
    "show line numbers": ("View", "Line Numbers", "show-line-numbers"),
    "wrap long lines": ("Document", "Word Wrap", "word-wrap"),
    "indent new lines by itself": ("Document", "Auto Indent", "auto-indent"),
}
"""What the editor can do: the menu, the item, and the key of the setting."""


class SetEditor(Task):
    """Half of the reward for each of two settings."""

    template = "set_editor"
    apps = ("mousepad",)

    def draw(self, dice: Dice) -> None:
        path = f"{HOME}/Documents/{dice.name()}.txt"
        self.files = {path: "\n".join(dice.lines(6)) + "\n"}
        self.programs = [["mousepad", path]]
        self.wanted = dice.sample(sorted(_SWITCHES), 2)
        self.instruction = f"{path} is open in the text editor. Make the editor {' and '.join(self.wanted)}, for good."

    async def grade(self, desktop: Desktop) -> float:
        settings = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            settings.read_string(await text(desktop, KEYFILE) or "")
        except configparser.Error:
            return 0.0
        section = "org/xfce/mousepad/preferences/view"
        found = [settings.get(section, _SWITCHES[wanted][2], fallback="false") for wanted in self.wanted]
        return found.count("true") / len(found)

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        for menu, item, _ in (_SWITCHES[wanted] for wanted in self.wanted):
            yield click(await find(desktop, "menu", menu, app="mousepad"))
            yield click(await find(desktop, "menu item", item, app="mousepad"))
        yield "DONE"
