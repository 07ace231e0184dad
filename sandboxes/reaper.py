"""Finds what was started, by the labels on it, and clears what dead runs left.

A run that is killed takes its sandboxes with it as a rule: their agents end when the channel does. `watch` is for the
rest (the remains of containers, control groups, files, an agent that hangs): a process which outlives its own, and
sweeps when that has ended, however it ended. Every provider sweeps when it starts, too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from agentrl.errors import MissingExtraError, SandboxError
from agentrl.sandboxes import cgroup, engine, state
from agentrl.sandboxes.lease import Lease


@dataclass(frozen=True, slots=True)
class Found:
    """Something that bears our labels."""

    provider: Literal["docker", "process"]
    lease: Lease
    status: str
    destroy: Callable[[], object]


def find() -> list[Found]:
    """All sandboxes on this host, whoever started them.

    Raises:
        SandboxError: there is a Docker Engine, and it refuses to answer.
    """
    return [*_in_engine(), *_processes()]


def reap(run: str = "", *, everything: bool = False) -> int:
    """Destroy the sandboxes whose owner is dead or whose lease ran out.

    Args:
        run: destroy those of this run instead, in use or not.
        everything: destroy all, in use or not.

    Returns:
        How many there were.
    """
    doomed = [f for f in find() if everything or (f.lease.run == run if run else f.lease.forfeit)]
    for found in doomed:
        found.destroy()
    state.sweep()
    cgroup.sweep()
    return len(doomed)


@cache
def watch() -> subprocess.Popen[bytes]:
    """Start a process that reaps when this one has ended."""
    return subprocess.Popen(
        # a shell waits, not a Python that has imported everything
        ["/bin/sh", "-c", 'cat >/dev/null; exec "$0" -m agentrl.sandboxes.reaper', sys.executable],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )


def _in_engine() -> Iterator[Found]:
    """Containers, and images that are snapshots."""
    try:
        client = engine.connect()
    except MissingExtraError:
        return
    except SandboxError as error:
        if error.cause == "engine_down":
            return
        raise
    with contextlib.closing(client):
        filters = {"label": "agentrl.sandbox"}
        containers = client.api.containers(all=True, filters=filters)
        images = client.api.images(filters=filters)
    for entry, remove in [*((c, engine.remove) for c in containers), *((i, engine.remove_image) for i in images)]:
        with contextlib.suppress(ValueError):  # labels of somebody else's making
            lease = Lease.parse(entry["Labels"])
            yield Found("docker", lease, entry.get("State", "snapshot"), partial(_remove, remove, entry["Id"]))


def _remove(how: Callable[[Any, str], None], name: str) -> None:
    with contextlib.closing(engine.connect()) as client:
        how(client.api, name)


def _processes() -> Iterator[Found]:
    for path in Path("/proc").iterdir():
        if not path.name.isdigit():
            continue
        try:
            words = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")
            labels = dict(word.split("=", 1) for word in words if word.startswith("agentrl."))
            lease = Lease.parse(labels)
            ids = next(line for line in (path / "status").read_text().splitlines() if line.startswith("NSpid"))
        except (OSError, ValueError, StopIteration):
            continue
        if len(ids.split()) == 2:  # in no namespace below ours: not something in a sandbox that says it were one
            yield Found("process", lease, "running", partial(_kill, int(path.name)))


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Reap, now and after a while: an engine may still be at work on what the dead asked for."""
    reap()
    time.sleep(5.0)
    reap()


if __name__ == "__main__":
    main()
