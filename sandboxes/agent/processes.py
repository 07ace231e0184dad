"""The processes of the sandbox: who descends from whom, and how to be rid of them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterable

UNKILLABLE = 91
"""Exit status of the agent when a process survives SIGKILL: with PID 1 the namespace ends, and it too."""

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 4, 36, 37
libc = ctypes.CDLL(None)

# The kernel is to kill a command before the agent. The shell says so, because a fork of the agent, which is not
# dumpable, may not write there before it has executed another program.
SHELL = 'echo 1000 >/proc/self/oom_score_adj; command=$1; shift; eval "$command"'


def as_subreaper() -> None:
    """Have the orphans among one's descendants, daemons included, become one's children and not PID 1's."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def adopts_nothing_but_ours() -> bool:
    """Whether orphans of a command do not come to PID 1: its kernel has subreapers, unlike older gVisors'."""
    return bool(libc.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(ctypes.c_int()), 0, 0, 0) == 0)


def undumpable() -> None:
    """Keep other processes of the same user from ptrace and from /proc/PID/fd and mem of this one."""
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def parents() -> dict[int, int]:
    """Parent of every living process, by process id."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
                if state not in (b"Z", b"X"):
                    found[int(name)] = int(parent)
    return found


def children() -> set[int]:
    """Children of this process, adopted ones too."""
    return {pid for pid, parent in parents().items() if parent == os.getpid()}


def below(root: int) -> set[int]:
    """All living descendants of a process."""
    parent_of = parents()
    found: set[int] = set()
    level = {root}
    while level:
        level = {pid for pid, parent in parent_of.items() if parent in level} - found
        found |= level
    return found


def send(number: int, pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_tree(root: int, ours: Iterable[int], background: set[int]) -> None:
    """Kill a child of ours, and whatever descends from it. The child is left to be waited for.

    First they are stopped, for a stopped process cannot fork, until no new one turns up; then they are killed; the
    root last, so that nobody escapes to PID 1 before. Should one of them have killed the root itself, or should orphans
    not become the root's, PID 1 has children now that are neither `ours` nor in the `background`: they go as well.
    """
    give_up = time.monotonic() + 5.0
    send(signal.SIGSTOP, [root])
    while True:
        stopped: set[int] = set()
        fresh = below(root)
        while fresh:
            send(signal.SIGSTOP, fresh)
            stopped |= fresh
            fresh = below(root) - stopped
        if not stopped:
            break
        send(signal.SIGKILL, stopped)
        if time.monotonic() > give_up:
            os._exit(UNKILLABLE)
    send(signal.SIGKILL, [root])
    os.waitid(os.P_PID, root, os.WEXITED | os.WNOWAIT)
    for stray in children() - background - set(ours):
        kill_tree(stray, ours, background)


def oom_kills() -> int:
    """How many processes of this sandbox the kernel has killed for want of memory; 0 where it does not tell."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        with contextlib.suppress(OSError), open(path) as file:
            for line in file:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0
