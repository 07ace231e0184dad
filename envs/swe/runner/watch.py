"""What is to be seen of a run from outside: what it asks of the interpreter, and the files that it writes."""

from __future__ import annotations

import os
import stat
import sys
from typing import Any

EVENTS = (
    *("ctypes.", "gc.", "marshal.", "pickle.", "pty.", "socket.", "subprocess.", "syslog."),
    *("code.__new__", "compile", "exec", "object.__getattr__", "object.__setattr__", "object.__delattr__", "open"),
    *("os.exec", "os.fork", "os.forkpty", "os.kill", "os.killpg", "os.posix_spawn", "os.putenv", "os.spawn"),
    *("os.system", "os.unsetenv", "signal.pthread_kill", "sys._current_", "sys._getframe", "sys.addaudithook"),
    *("sys.excepthook", "sys.setprofile", "sys.settrace", "sys.unraisablehook"),
)
"""Audit events, by their beginning."""
GO_BETWEENS = ("/inspect.py", "/subprocess.py", "/ctypes/__init__.py", "/traceback.py", "/pathlib.py", "/io.py")
"""Of the standard library: who calls them is asked instead."""


def watch(root: str, tests: tuple[str, ...], say: Any) -> None:
    """Say what the repository's own code, unlike its tests, asks of the interpreter: each thing once per file.

    Files count when they are opened by name below `tests` or /proc.
    """
    seen: set[tuple[str, str]] = set()
    frame_of, inside, private = sys._getframe, root + os.sep, (*tests, "/proc/")
    busy = False

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal busy
        if busy or not event.startswith(EVENTS):
            return
        busy = True
        try:
            name = event
            if event == "open":
                if not isinstance(args[0], str) or not os.path.abspath(args[0]).startswith(private):
                    return
            elif event.startswith("object."):
                name = f"{event} {args[1]}"
            frame = frame_of(1)
            while frame.f_back and frame.f_code.co_filename.endswith(GO_BETWEENS):
                frame = frame.f_back
            file = frame.f_code.co_filename
            if file.startswith(inside) and not file.startswith(tests) and (name, file) not in seen:
                seen.add((name, file))
                say(["event", name, file[len(inside) :], frame.f_lineno])
        finally:
            busy = False

    sys.addaudithook(hook)


def listing(roots: list[str], leave: str) -> dict[str, Any]:
    """Every file and folder below some folders, with what changes when somebody writes it."""
    found: dict[str, Any] = {}
    for root in roots:
        for folder, names, files in os.walk(root):
            names[:] = [name for name in names if os.path.join(folder, name) != leave]
            for name in (*names, *files):
                path = os.path.join(folder, name)
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                is_folder = stat.S_ISDIR(status.st_mode)
                found[path] = (
                    status.st_mode,
                    *(() if is_folder else (status.st_mtime_ns, status.st_size, status.st_ino)),
                )
    return found
