"""The processes that a run leaves behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
libc = ctypes.CDLL(None)


def out_of_reach() -> None:
    """Have daemons of a run become our children, and keep a run from our memory and descriptors."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def clear(grace_s: float) -> list[str]:
    """Kill what is left of a run; returns the command lines, but for what ends by itself within `grace_s`."""
    begun = time.monotonic()
    found: dict[int, str] = {}
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return sorted(found.values())
        if time.monotonic() < begun + grace_s:
            time.sleep(0.005)
            continue
        for pid in _below():
            found[pid] = _command_line(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.001)


def _below() -> list[int]:
    """All living descendants."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{name}/stat", "rb") as file:
            state, parent = file.read().rpartition(b")")[2].split()[:2]
            if state not in (b"Z", b"X"):
                parents[int(name)] = int(parent)
    level = {os.getpid()}
    found: set[int] = set()
    while level:
        level = {pid for pid, parent in parents.items() if parent in level} - found
        found |= level
    return list(found)


def _command_line(pid: int) -> str:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read(200).replace(b"\0", b" ").decode(errors="replace").strip()
    return "?"
