"""Tasks that cannot be done: who sees it says FAIL."""

from __future__ import annotations

from collections.abc import AsyncIterator

from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks.base import HOME, Task
from agentrl.envs.gui.desktop.tasks.words import Dice


class _Infeasible(Task):
    feasible = False

    async def grade(self, desktop: Desktop) -> float:
        return 0.0

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        yield "FAIL"


class MissingFile(_Infeasible):
    """As `RenameFile`, of a file that is not there."""

    template = "missing_file"
    apps = ("thunar",)

    def draw(self, dice: Dice) -> None:
        folder, missing, new = f"{HOME}/{dice.name()}", f"{dice.name()}.txt", f"{dice.name()}.txt"
        self.files = {f"{folder}/{dice.name()}.txt": f"{dice.person()}\n" for _ in range(dice.number(2, 5))}
        self.programs = [["thunar", folder]]
        self.instruction = f"In the folder {folder}, rename the file {missing} to {new}."


class MissingProgram(_Infeasible):
    """What no program here can do."""

    template = "missing_program"
    apps = ("mousepad",)

    def draw(self, dice: Dice) -> None:
        path = f"{HOME}/Documents/{dice.name()}.txt"
        self.files = {path: "\n".join(dice.lines(5)) + "\n"}
        self.programs = [["mousepad", path]]
        wish = dice.choice(
            [
                f"Turn the text in {path} into speech with Audacity and save it as an MP3 file.",
                f"Open {path} in Microsoft Word and switch on the tracking of changes there.",
                f"Send {path} by e-mail to {dice.person()} with Thunderbird.",
                f"Print {path} on the printer in the office and staple the pages.",
                f"Upload {path} to the shared folder of {dice.person()} in the cloud.",
            ]
        )
        self.instruction = wish
