"""Tasks in the file manager."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import PurePosixPath

from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks.acting import click, double_click, find, hotkey, press, write
from agentrl.envs.gui.desktop.tasks.base import COMMAND_S, HOME, Task, content, listing
from agentrl.envs.gui.desktop.tasks.words import Dice


class _Folder(Task):
    """The files below a folder shall be others: no more, no less, and each with its content."""

    apps: Sequence[str] = ("thunar",)
    folder: str
    wanted: Mapping[str, str]
    """Contents, by path in the folder."""

    def open(self, dice: Dice, names: list[str]) -> None:
        self.folder = f"{HOME}/{dice.name()}"
        self.before = {name: f"{dice.person()} wrote this.\n" for name in names}
        self.files = {f"{self.folder}/{name}": text for name, text in self.before.items()}
        self.programs = [["thunar", self.folder]]

    async def grade(self, desktop: Desktop) -> float:
        if await listing(desktop, self.folder) != sorted(self.wanted):
            return 0.0
        found = [await content(desktop, f"{self.folder}/{name}") for name in self.wanted]
        return float(found == [text.encode() for text in self.wanted.values()])


class RenameFile(_Folder):
    template = "rename_file"

    def draw(self, dice: Dice) -> None:
        names = [f"{dice.name()}.txt" for _ in range(dice.number(3, 6))]
        self.open(dice, names)
        self.old, self.new = names[0], f"{dice.name()}.txt"
        self.wanted = {self.new if name == self.old else name: text for name, text in self.before.items()}
        self.instruction = f"In the folder {self.folder}, rename the file {self.old} to {self.new}."

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield click(await find(desktop, "table cell", self.old))
        yield press("f2")
        yield hotkey("ctrl", "a")
        yield write(self.new)
        yield press("enter")
        yield "DONE"


class FindFile(RenameFile):
    """As `RenameFile`, but which file it is, only the contents say."""

    template = "find_file"
    apps = ("thunar", "mousepad")

    def draw(self, dice: Dice) -> None:
        super().draw(dice)
        author = self.before[self.old].removesuffix(" wrote this.\n")
        self.instruction = f"One of the files in {self.folder} was written by {author}. Rename it to {self.new}."


class MoveFiles(_Folder):
    template = "move_files"

    def draw(self, dice: Dice) -> None:
        self.sub = dice.name()
        self.moved = [f"{dice.name()}.log" for _ in range(dice.number(1, 2))]
        stay = [f"{dice.name()}.txt" for _ in range(dice.number(2, 4))]
        self.open(dice, [*self.moved, *stay, f"{self.sub}/{dice.name()}.log"])
        self.wanted = {f"{self.sub}/{name}" if name in self.moved else name: text for name, text in self.before.items()}
        self.instruction = f"Move the files of {self.folder} that end in .log into its folder {self.sub}."

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield click(await find(desktop, "table cell", self.moved[0]))
        for name in self.moved[1:]:
            place = click(await find(desktop, "table cell", name))
            yield f"pyautogui.keyDown('ctrl'); {place}; pyautogui.keyUp('ctrl')"
        yield hotkey("ctrl", "x")
        yield double_click(await find(desktop, "table cell", self.sub))
        yield hotkey("ctrl", "v")
        yield "DONE"


class DeleteFile(_Folder):
    template = "delete_file"

    def draw(self, dice: Dice) -> None:
        names = [f"{dice.name()}.txt" for _ in range(dice.number(3, 6))]
        self.open(dice, names)
        self.gone = names[0]
        self.wanted = {name: text for name, text in self.before.items() if name != self.gone}
        self.instruction = f"Delete the file {self.gone} in {self.folder}, for good or into the trash."

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield click(await find(desktop, "table cell", self.gone))
        yield hotkey("shift", "delete")
        yield click(await find(desktop, "push button", "Delete"))
        yield "DONE"


class MakeFolder(_Folder):
    template = "make_folder"

    def draw(self, dice: Dice) -> None:
        self.open(dice, [f"{dice.name()}.txt" for _ in range(dice.number(2, 4))])
        self.new, self.wanted = dice.name(), self.before
        self.instruction = f"Make a new folder called {self.new} in {self.folder}."

    async def grade(self, desktop: Desktop) -> float:
        path = PurePosixPath(self.folder) / self.new
        made = await desktop.run(f"test -d {path} && test ! -L {path}", COMMAND_S)
        return await super().grade(desktop) if made.exit_code == 0 else 0.0

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield hotkey("ctrl", "shift", "n")
        yield hotkey("ctrl", "a")
        yield write(self.new)
        yield press("enter")
        yield "DONE"
