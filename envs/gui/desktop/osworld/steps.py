"""OSWorld's steps of setting up a desktop: `launch`, `execute`, `open` …"""

from __future__ import annotations

import re
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from agentrl.envs.gui.desktop.actions import parse
from agentrl.envs.gui.desktop.desks import SIZE
from agentrl.envs.gui.desktop.inside.programs import PROGRAMS
from agentrl.envs.gui.desktop.osworld.files import Step
from agentrl.envs.gui.desktop.session import Desktop
from agentrl.errors import ActionError, UnsupportedTaskError

COMMAND_S = 120.0
"""OSWorld's limit for a command."""
Do = Callable[[Desktop], Awaitable[None]]
_PROGRAMS = {argv[0] for argv in PROGRAMS.values()}
_SAME = {"google-chrome": "chromium", "chromium-browser": "chromium"}
_OPENERS = {
    "mousepad": (".txt", ".md", ".log", ".csv", ".py", ".json"),
    "gnumeric": (".gnumeric", ".xls", ".xlsx", ".ods"),
    "ristretto": (".png", ".jpg", ".jpeg", ".gif"),
    "chromium": (".html", ".htm"),
    "thunar": ("",),
}
"""The program that opens a file, by the end of its name; a folder has none."""
_MESSAGE = """
import sys
from Xlib import X, display
from Xlib.protocol.event import ClientMessage
d = display.Display()
data = (32, [2, X.CurrentTime, 0, 0, 0] if sys.argv[2] == "_NET_ACTIVE_WINDOW" else [X.CurrentTime, 2, 0, 0, 0])
event = ClientMessage(window=int(sys.argv[1]), client_type=d.intern_atom(sys.argv[2]), data=data)
d.screen().root.send_event(event, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)
d.sync()
"""
"""Asks the window manager to do something to a window, as pagers do."""


def prepare(step: Step, cache: Path) -> Do:
    """What a step does.

    Args:
        cache: folder with what OSWorld would download, under the names that the files get on the desktop.

    Raises:
        UnsupportedTaskError: it is a step that we do not have, or asks too much of one; the message names it.
    """
    if step.type not in _STEPS:
        raise UnsupportedTaskError(f"there is no step {step.type!r} here, only {', '.join(_STEPS)}")
    try:
        return _STEPS[step.type](cache=cache, **step.parameters)
    except UnsupportedTaskError:
        raise
    except (TypeError, ValueError, LookupError) as error:
        raise UnsupportedTaskError(f"the step {step.type} is not used like that here: {error}") from error


def _launch(cache: Path, command: str | Sequence[str], shell: bool = False) -> Do:
    argv = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    argv = [_SAME.get(argv[0], argv[0]), *argv[1:]]
    if shell or argv[0] not in _PROGRAMS:
        raise UnsupportedTaskError(f"launch: {argv[0]} is none of the programs here: {', '.join(sorted(_PROGRAMS))}")

    async def do(desktop: Desktop) -> None:
        await desktop.launch(argv)

    return do


def _execute(cache: Path, command: str | Sequence[str], shell: bool = False) -> Do:
    line = command if isinstance(command, str) else shlex.join(str(word) for word in command)
    for name, value in _PLACES.items():
        line = line.replace(name, value)
    if unknown := re.search(r"\{[A-Z_]+\}", line):
        raise UnsupportedTaskError(f"execute: there is no {unknown[0]} here")
    argv = shlex.split(line) if "pyautogui" in line else []
    if len(argv) == 3 and argv[0] in ("python", "python3") and argv[1] == "-c":
        try:
            events = parse(argv[2], SIZE).events
        except ActionError as error:
            raise UnsupportedTaskError(f"execute: {error}") from error
    elif argv:
        raise UnsupportedTaskError("execute: pyautogui is understood as python -c '…' alone")
    else:
        events = ()

    async def do(desktop: Desktop) -> None:
        if events:
            await desktop.perform(events)
            await desktop.settle()
        else:
            await desktop.run(line, COMMAND_S)  # what it ends with is nothing to OSWorld

    return do


_PLACES = {
    "{SCREEN_WIDTH}": str(SIZE[0]),
    "{SCREEN_HEIGHT}": str(SIZE[1]),
    "{SCREEN_WIDTH_HALF}": str(SIZE[0] // 2),
    "{SCREEN_HEIGHT_HALF}": str(SIZE[1] // 2),
}


def _open(cache: Path, path: str) -> Do:
    suffix = PurePosixPath(path).suffix.lower()
    opener = next((program for program, suffixes in _OPENERS.items() if suffix in suffixes), None)
    if opener is None:
        raise UnsupportedTaskError(f"open: no program here opens {suffix} files")
    return _launch(cache, [opener, path])


def _window(atom: str, window_name: str, strict: bool = False, by_class: bool = False) -> Do:
    def meant(title: str, program: str) -> bool:
        name = program if by_class else title
        return name == window_name if strict else window_name.lower() in name.lower()

    async def do(desktop: Desktop) -> None:
        numbers = [window.id for window in await desktop.windows() if meant(window.title, window.program)]
        if not numbers:
            return  # as OSWorld, where a step that fails is noted in the log: an agent may have closed the window
        await desktop.run(shlex.join(["/usr/bin/python3", "-c", _MESSAGE, str(numbers[0]), atom]), COMMAND_S)
        await desktop.settle()

    return do


def _activate_window(cache: Path, **parameters: Any) -> Do:
    return _window("_NET_ACTIVE_WINDOW", **parameters)


def _close_window(cache: Path, **parameters: Any) -> Do:
    return _window("_NET_CLOSE_WINDOW", **parameters)


def _sleep(cache: Path, seconds: float) -> Do:
    async def do(desktop: Desktop) -> None:
        await desktop.settle()

    return do


def _upload_file(cache: Path, files: Sequence[Mapping[str, str]]) -> Do:
    found = {entry["path"]: Path(entry["local_path"]) for entry in files}
    for source in found.values():
        if not source.is_file():
            raise UnsupportedTaskError(f"upload_file: there is no file {source}")
    return partial(_put, found)


def _download(cache: Path, files: Sequence[Mapping[str, str]]) -> Do:
    return partial(_put, {entry["path"]: cached(cache, entry["path"], entry["url"]) for entry in files})


async def _put(files: Mapping[str, Path], desktop: Desktop) -> None:
    for path, source in files.items():
        await desktop.write(path, source.read_bytes())


def cached(cache: Path, path: str, url: str) -> Path:
    """Where the cache has a file that OSWorld would download.

    Raises:
        UnsupportedTaskError: it has not.
    """
    name = PurePosixPath(path).name
    if not (cache / name).is_file():
        raise UnsupportedTaskError(
            f"nothing is downloaded here: fetch {url} yourself and put it into {cache} as {name}"
        )
    return cache / name


_STEPS: Mapping[str, Callable[..., Do]] = {
    "activate_window": _activate_window,
    "close_window": _close_window,
    "command": _execute,
    "download": _download,
    "execute": _execute,
    "launch": _launch,
    "open": _open,
    "sleep": _sleep,
    "upload_file": _upload_file,
}
