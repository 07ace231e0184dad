"""OSWorld's getters: what a metric is given to look at."""

from __future__ import annotations

import re
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentrl.envs.gui.desktop.osworld.files import Getter
from agentrl.envs.gui.desktop.osworld.steps import COMMAND_S, cached
from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.view import View
from agentrl.errors import UnsupportedTaskError

Get = Callable[[Desktop], Awaitable[Any]]
"""Looks. Raises `OSError` where there is no such file."""


def prepare(getter: Getter, cache: Path) -> Get:
    """How a getter looks.

    Args:
        cache: folder with what OSWorld would download, under the names that the files get on the desktop.

    Raises:
        UnsupportedTaskError: it is one that we do not have, or asks too much of one; the message names it.
    """
    if getter.type not in _GETTERS:
        raise UnsupportedTaskError(f"there is no getter {getter.type!r} here, only {', '.join(_GETTERS)}")
    try:
        return _GETTERS[getter.type](cache=cache, **getter.arguments)
    except (TypeError, KeyError) as error:
        raise UnsupportedTaskError(f"the getter {getter.type} is not used like that here: {error}") from error


def _vm_file(cache: Path, path: str, dest: str) -> Get:
    if not isinstance(path, str):
        raise UnsupportedTaskError("vm_file: one file at a time is read here")

    async def get(desktop: Desktop) -> bytes:
        return await desktop.read(path)

    return get


def _output(command: str | Sequence[str], shell: bool, stream: str) -> Get:
    line = command if isinstance(command, str) else command[0] if shell else shlex.join(command)

    async def get(desktop: Desktop) -> str:
        done = await desktop.run(line, COMMAND_S)
        output: bytes = getattr(done, stream)
        return output.decode("utf-8", "replace")

    return get


def _vm_command_line(cache: Path, command: str | Sequence[str], shell: bool = False) -> Get:
    return _output(command, shell, "stdout")


def _vm_command_error(cache: Path, command: str | Sequence[str], shell: bool = False) -> Get:
    return _output(command, shell, "stderr")


def _constant(value: Any) -> Get:
    async def get(desktop: Desktop) -> Any:
        return value

    return get


def _rule(cache: Path, rules: Any) -> Get:
    return _constant(rules)


def _cloud_file(cache: Path, path: str, dest: str) -> Get:
    if not isinstance(path, str):
        raise UnsupportedTaskError("cloud_file: one file at a time is read here")
    return _constant(cached(cache, dest, path).read_bytes())


def _cache_file(cache: Path, path: str) -> Get:
    return _constant(cached(cache, path, path).read_bytes())


def _accessibility_tree(cache: Path) -> Get:
    async def get(desktop: Desktop) -> str:
        return (await View.of(desktop)).xml()

    return get


def _vm_terminal_output(cache: Path) -> Get:
    async def get(desktop: Desktop) -> str:
        return next((node.text for node in await desktop.tree() if node.role == "terminal"), "")

    return get


def _vm_screen_size(cache: Path) -> Get:
    async def get(desktop: Desktop) -> dict[str, int]:
        width, height = desktop.size
        return {"width": width, "height": height}

    return get


def _vm_window_size(cache: Path, app_class_name: str) -> Get:
    async def get(desktop: Desktop) -> dict[str, int] | None:
        for window in await desktop.windows():
            if re.search(app_class_name, window.program, re.IGNORECASE):
                return {"width": window.width, "height": window.height}
        return None

    return get


_GETTERS: Mapping[str, Callable[..., Get]] = {
    "accessibility_tree": _accessibility_tree,
    "cache_file": _cache_file,
    "cloud_file": _cloud_file,
    "rule": _rule,
    "vm_command_error": _vm_command_error,
    "vm_command_line": _vm_command_line,
    "vm_file": _vm_file,
    "vm_screen_size": _vm_screen_size,
    "vm_terminal_output": _vm_terminal_output,
    "vm_window_size": _vm_window_size,
}
