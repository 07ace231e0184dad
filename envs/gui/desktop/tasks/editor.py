"""Tasks in the text editor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import PurePosixPath

from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks.acting import click, find, find_by, hotkey, press, write
from agentrl.envs.gui.desktop.tasks.base import HOME, Task, text
from agentrl.envs.gui.desktop.tasks.words import PEOPLE, Dice


class _Edit(Task):
    """A text file that is open in the editor shall have another text."""

    apps: Sequence[str] = ("mousepad",)
    path: str
    wanted: str

    def open(self, path: str, before: list[str], after: list[str]) -> None:
        self.path, self.wanted = path, "\n".join(after)
        self.files = {path: "\n".join(before) + "\n"}
        self.programs = [["mousepad", path]]

    async def grade(self, desktop: Desktop) -> float:
        return float(await text(desktop, self.path) == self.wanted)

    async def save_as(self, desktop: Desktop) -> AsyncIterator[str]:
        """Save under the path of the task, in the dialog for that, and wait until the title tells it."""
        yield write(self.path)
        yield click(await find(desktop, "push button", "Save"))
        await desktop.wait()
        for node in await desktop.tree():
            if (node.role, node.name) == ("push button", "Save"):
                yield click(node)  # the first click has only closed a list of paths to choose from
        name = PurePosixPath(self.path).name
        await find_by(desktop, name, lambda node: node.role == "frame" and name in node.name)


class AppendLine(_Edit):
    template = "append_line"

    def draw(self, dice: Dice) -> None:
        path = f"{HOME}/Documents/{dice.name()}.txt"
        *before, line = dice.lines(dice.number(4, 8))
        self.open(path, before, [*before, line])
        self.line = line
        self.instruction = f"Add the line {line!r} at the end of {path}, which is open in the text editor, and save it."

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield hotkey("ctrl", "end")
        yield write(self.line)
        yield hotkey("ctrl", "s")
        yield "DONE"


class DeleteLine(_Edit):
    template = "delete_line"

    def draw(self, dice: Dice) -> None:
        path = f"{HOME}/Documents/{dice.name()}.txt"
        lines = dice.lines(dice.number(4, 8))
        self.number = dice.number(0, len(lines) - 1)
        self.open(path, lines, lines[: self.number] + lines[self.number + 1 :])
        good = lines[self.number].split()[-1]
        self.instruction = f"In {path}, which is open in the text editor, remove the line about {good}, and save it."

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield hotkey("ctrl", "home")
        if self.number:
            yield press("down", self.number)
        yield hotkey("shift", "down")
        yield press("delete")
        yield hotkey("ctrl", "s")
        yield "DONE"


class ReplaceWord(_Edit):
    template = "replace_word"

    def draw(self, dice: Dice) -> None:
        path = f"{HOME}/Documents/{dice.name()}.txt"
        old, new, *others = dice.sample(PEOPLE, 5)
        lines = [f"{line}: {dice.choice([old, *others])}" for line in dice.lines(dice.number(5, 9))]
        lines.append(f"Questions go to {old}.")
        self.open(path, lines, [line.replace(old, new) for line in lines])
        self.instruction = (
            f"{new} takes over from {old}: replace every {old} by {new} in {path}, which is open in the text editor, "
            "and save it."
        )

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield hotkey("ctrl", "a")
        yield write(self.wanted + "\n")
        yield hotkey("ctrl", "s")
        yield "DONE"


class WriteFile(_Edit):
    template = "write_file"

    def draw(self, dice: Dice) -> None:
        name = dice.name()
        lines = [f"{dice.person()}, {dice.number(100, 999)}" for _ in range(dice.number(2, 4))]
        self.path, self.wanted = f"{HOME}/Documents/{name}.txt", "\n".join(lines)
        self.files = {f"{HOME}/Documents/readme.txt": "New files go here.\n"}
        self.programs = [["mousepad"]]
        told = "; ".join(f"'{line}'" for line in lines)
        self.instruction = f"Write a new text file with the lines {told} and save it as {self.path}."

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield write(self.wanted)
        yield hotkey("ctrl", "s")
        async for action in self.save_as(desktop):
            yield action
        yield "DONE"


class SaveCopy(_Edit):
    template = "save_copy"

    def draw(self, dice: Dice) -> None:
        self.source, copy = (f"{HOME}/Documents/{dice.name()}.txt" for _ in range(2))
        self.line, *before = dice.lines(dice.number(4, 7))
        self.open(self.source, before, [self.line, *before])
        self.path, self.before = copy, "\n".join(before)
        self.instruction = (
            f"Save {self.source}, which is open in the text editor, as {copy}, with the line {self.line!r} added at "
            "the top of the new file. The old file stays as it is."
        )

    async def grade(self, desktop: Desktop) -> float:
        return await super().grade(desktop) * float(await text(desktop, self.source) == self.before)

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield hotkey("ctrl", "shift", "s")
        yield hotkey("ctrl", "a")
        async for action in self.save_as(desktop):
            yield action
        yield hotkey("ctrl", "home")
        yield write(self.line + "\n")
        yield hotkey("ctrl", "s")
        yield "DONE"
