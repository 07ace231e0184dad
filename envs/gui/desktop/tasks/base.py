"""A task on the desktop: how it begins, when it is solved, and who can do it."""

from __future__ import annotations

import asyncio
import shlex
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar

from agentrl.envs.gui.desktop import session
from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks.words import Dice
from agentrl.errors import SandboxError

HOME = str(session.HOME)
COMMAND_S = 20.0
"""For a command of ours on the desktop."""
_LOOKS, _PAUSE_S = 4, 0.2
"""At what was done, as programs may still be at work on what they were told last."""


class Task(ABC):
    """One problem. A subclass is a template, and draws its instances from dice."""

    template: ClassVar[str]
    apps: Sequence[str]
    """The programs that it is about."""
    feasible: bool = True
    """Whether it can be done; what cannot is solved by saying FAIL."""

    instruction: str
    files: Mapping[str, bytes | str]
    """What there is in the beginning, by absolute path."""
    programs: Sequence[Sequence[str]] = ()
    """What is open in the beginning: commands, each of which opens a window. The last one has the keyboard."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id

    @abstractmethod
    def draw(self, dice: Dice) -> None:
        """Set what makes this instance: `instruction`, `files`, `programs`, and what `grade` compares with."""

    @abstractmethod
    async def grade(self, desktop: Desktop) -> float:
        """How much of the task is done, from the state of the desktop: in [0, 1], and 0 in the beginning."""

    @abstractmethod
    def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        """Actions that solve it from the beginning, each made when the one before has been carried out."""

    async def setup(self, desktop: Desktop) -> None:
        """Bring about the beginning, on a desktop where nothing was done yet.

        Raises:
            InfraError: the desktop failed.
        """
        await self.furnish(desktop)
        await self.launch(desktop)

    async def furnish(self, desktop: Desktop) -> None:
        """The first half of `setup`: what the programs find when they start."""
        for path, content in self.files.items():
            await desktop.write(path, content.encode() if isinstance(content, str) else content)
        await self.prepare(desktop)

    async def launch(self, desktop: Desktop) -> None:
        """The other half: the programs."""
        for program in self.programs:
            await desktop.launch(program)

    async def prepare(self, desktop: Desktop) -> None:  # noqa: B027 - most templates need nothing
        """Bring about what else there has to be between writing the files and opening the programs."""

    async def evaluate(self, desktop: Desktop, last_action: str) -> float:
        """The score, in [0, 1], by OSWorld's rule: FAIL solves what cannot be done, and nothing else."""
        if not self.feasible or last_action == "FAIL":
            return float(not self.feasible and last_action == "FAIL")
        for _ in range(_LOOKS):
            if (score := await self.grade(desktop)) == 1.0:
                break
            await asyncio.sleep(_PAUSE_S)
        return score


async def command(desktop: Desktop, *argv: str) -> None:
    """Run a command of ours.

    Raises:
        SandboxError: it failed.
    """
    line = shlex.join(argv)
    done = await desktop.run(line, COMMAND_S)
    if done.exit_code != 0:
        raise SandboxError("setup_failed", f"{line!r:.100} ended with {done.exit_code}: {done.stderr!r:.200}")


async def content(desktop: Desktop, path: str) -> bytes | None:
    """Of a file; None where there is none that can be read."""
    try:
        return await desktop.read(path)
    except OSError:
        return None


async def text(desktop: Desktop, path: str) -> str | None:
    """Of a file, without space at the ends; None where there is no such text file."""
    found = await content(desktop, path)
    try:
        return None if found is None else found.decode().strip()
    except UnicodeDecodeError:
        return None


async def listing(desktop: Desktop, folder: str) -> list[str]:
    """The paths of all files below a folder, relative to it, in order."""
    done = await desktop.run(f"cd {shlex.quote(folder)} && find . -type f -print0", COMMAND_S)
    return sorted(name.decode("utf-8", "replace")[2:] for name in done.stdout.split(b"\0") if name)
