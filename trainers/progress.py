"""Live progress for people: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

QUIET_SECONDS = 15.0
"""Time between lines where there is no terminal."""


class Progress:
    """One bar per phase, with a note of the latest figures. Does nothing where it is not enabled."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._console = Console(stderr=True, quiet=not enabled)
        self._live = enabled and self._console.is_terminal
        self._bars = Bars(
            TextColumn("{task.description:<14}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
        )
        self._task: TaskID | None = None
        self._name, self._total, self._done, self._said = "", 0, 0, 0.0
        if self._live:
            self._bars.start()

    def phase(self, name: str, total: int, done: int = 0) -> None:
        """Begin a phase of `total` steps, of which `done` were made by an earlier process."""
        self._name, self._total, self._done, self._said = name, total, done, 0.0
        if self._live:
            self._task = self._bars.add_task(name, total=total, completed=done, note="")

    def step(self, note: str = "") -> None:
        """One step is done."""
        self._done += 1
        if self._live and self._task is not None:
            self._bars.update(self._task, advance=1, note=note)
        elif self._done == self._total or time.monotonic() - self._said > QUIET_SECONDS:
            self._said = time.monotonic()
            self._console.print(f"{self._name} {self._done}/{self._total} {note}", highlight=False)

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, highlight=False)

    def close(self) -> None:
        if self._live:
            self._bars.stop()
