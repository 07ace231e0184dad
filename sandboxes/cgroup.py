"""Limits on a whole tree of processes through the kernel's control groups, of either version."""

from __future__ import annotations

import contextlib
import os
from functools import cache
from pathlib import Path

from agentrl.sandboxes.lease import Owner
from agentrl.sandboxes.spec import SandboxSpec
from agentrl.sandboxes.state import owners

_ROOT = Path("/sys/fs/cgroup")
_NEEDED = {"memory", "pids", "cpu"}
_PERIOD_US = 100_000


@cache
def parents() -> tuple[Path, ...]:
    """The folders in which we may make groups that limit memory, CPU and processes; empty if there are none.

    One in version 2, one for each controller in version 1.
    """
    if (_ROOT / "cgroup.controllers").exists():
        line = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        own = _ROOT / line[3:].strip().lstrip("/")
        candidates = [own, own.parent]  # a group with processes has no children with limits, but its parent may
        return next(((path / "agentrl",) for path in candidates if _usable_v2(path)), ())
    folders = [_ROOT / name for name in sorted(_NEEDED)]
    if all(os.access(folder, os.W_OK) for folder in folders):
        return tuple(folder / "agentrl" for folder in folders)
    return ()


def _usable_v2(path: Path) -> bool:
    if not os.access(path, os.W_OK):
        return False
    with contextlib.suppress(OSError):
        for folder in (path, path / "agentrl"):
            folder.mkdir(exist_ok=True)
            (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(_NEEDED)))
        return set((path / "agentrl/cgroup.subtree_control").read_text().split()) >= _NEEDED
    return False


class Cgroup:
    """The group of one sandbox, one folder in each of `parents`."""

    def __init__(self, name: str) -> None:
        self.folders = [parent / f"{Owner.this()}" / name for parent in parents()]

    def create(self, spec: SandboxSpec) -> None:
        """Make it, with the limits of a spec."""
        quota = max(1000, round(spec.cpu * _PERIOD_US))
        for folder in self.folders:
            folder.mkdir(parents=True)
        if len(self.folders) == 1:
            (folder,) = self.folders
            control = folder.parent / "cgroup.subtree_control"
            control.write_text(" ".join(f"+{name}" for name in sorted(_NEEDED)))
            limits = {
                "memory.max": spec.memory,
                "memory.swap.max": 0,
                "pids.max": spec.pids,
                "cpu.max": f"{quota} {_PERIOD_US}",
            }
        else:
            limits = {
                "memory.limit_in_bytes": spec.memory,
                "memory.memsw.limit_in_bytes": spec.memory,
                "pids.max": spec.pids,
                "cpu.cfs_period_us": _PERIOD_US,
                "cpu.cfs_quota_us": quota,
            }
        for folder in self.folders:
            for name, value in limits.items():
                if (folder / name).exists():  # swap is not counted everywhere
                    (folder / name).write_text(str(value))

    @property
    def oom_file(self) -> Path:
        """Where the kernel counts the processes that it killed for want of memory."""
        if len(self.folders) == 1:
            return self.folders[0] / "memory.events"
        return next(folder for folder in self.folders if folder.parts[4] == "memory") / "memory.oom_control"

    def oom_kills(self) -> int:
        for line in self.oom_file.read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        return 0

    def remove(self) -> None:
        """Remove it. Its processes must have ended.

        Raises:
            OSError: one is still there.
        """
        for folder in self.folders:
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()


def sweep() -> None:
    """Remove the groups of dead owners."""
    for parent in parents():
        if not parent.exists():
            continue
        for owner, folder in owners(parent):
            if owner.dead:
                with contextlib.suppress(FileNotFoundError):  # another process sweeps as well
                    for group in [*(path for path in folder.iterdir() if path.is_dir()), folder]:
                        with contextlib.suppress(OSError):  # something in it is just dying
                            group.rmdir()
