"""Tasks in the terminal. They can be done with the file manager or the editor too, where these can do it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks.acting import write
from agentrl.envs.gui.desktop.tasks.base import COMMAND_S, HOME, Task, listing, text
from agentrl.envs.gui.desktop.tasks.words import PEOPLE, Dice


class _Command(Task):
    """A command in the terminal does it."""

    apps: Sequence[str] = ("lxterminal",)
    programs = (("lxterminal",),)
    line: str

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield write(self.line + "\n")
        yield "DONE"


class MakeExecutable(_Command):
    template = "make_executable"

    def draw(self, dice: Dice) -> None:
        folder = f"{HOME}/{dice.name()}"
        self.scripts = [f"{folder}/{dice.name()}.sh" for _ in range(dice.number(2, 4))]
        self.data = f"{folder}/{dice.name()}.txt"
        self.files = {self.data: "data\n", **{path: f"#!/bin/sh\necho {dice.number(1, 99)}\n" for path in self.scripts}}
        self.line = f"chmod +x {folder}/*.sh"
        self.instruction = f"Make every script (.sh) in {folder} executable for its owner, and no other file there."

    async def grade(self, desktop: Desktop) -> float:
        tests = [f"test -x {path}" for path in self.scripts]
        done = await desktop.run(" && ".join([*tests, f"test ! -x {self.data}"]), COMMAND_S)
        return float(done.exit_code == 0)


class CountLines(_Command):
    template = "count_lines"

    def draw(self, dice: Dice) -> None:
        log, self.path = f"{HOME}/{dice.name()}.log", f"{HOME}/{dice.name()}.txt"
        who, *others = dice.sample(PEOPLE, 4)
        lines = [
            f"{hour:02}:{dice.number(0, 59):02} {dice.choice([who, *others])} logged in"
            for hour in range(24)
            for _ in range(dice.number(1, 5))
        ]
        self.files = {log: "\n".join(lines) + "\n"}
        self.count = sum(who in line for line in lines)
        self.line = f"grep -c {who} {log} > {self.path}"
        self.instruction = (
            f"Count how often {who} logged in according to {log}, and write the number, and nothing else, into the new "
            f"file {self.path}. A terminal is open."
        )

    async def grade(self, desktop: Desktop) -> float:
        return float(await text(desktop, self.path) == str(self.count))


class PackFolder(_Command):
    template = "pack_folder"

    def draw(self, dice: Dice) -> None:
        self.folder, self.archive = dice.name(), f"{HOME}/{dice.name()}.tar.gz"
        self.names = sorted(f"{dice.name()}.txt" for _ in range(dice.number(2, 5)))
        self.files = {f"{HOME}/{self.folder}/{name}": f"{dice.person()}\n" for name in self.names}
        self.line = f"tar -czf {self.archive} -C {HOME} {self.folder}"
        self.instruction = (
            f"Pack the folder {HOME}/{self.folder} into the archive {self.archive}, so that unpacking it makes the "
            f"folder {self.folder}. A terminal is open."
        )

    async def grade(self, desktop: Desktop) -> float:
        check = (
            f"out=$(mktemp -d) && tar -xzf {self.archive} -C $out && diff -r $out/{self.folder} {HOME}/{self.folder}"
        )
        done = await desktop.run(check, COMMAND_S)
        return float(done.exit_code == 0 and await listing(desktop, f"{HOME}/{self.folder}") == self.names)
