"""The sandbox contract: where untrusted things run, whoever provides the place.

    Provider.create(SandboxSpec) ─► Sandbox ─► run, read, write, socket, snapshot, fork, close

A provider is Docker, or a process in namespaces of its own; one test suite runs over all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Literal, Protocol, Self

from agentrl.errors import ConfigError

Network = Literal["none", "full"]
"""`none`: no interface but loopback. `full`: what the host reaches."""

MiB = 2**20
GiB = 2**30

_IMAGE = re.compile(r"[a-z0-9][\w.\-/:@]*")


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """What a sandbox gets, as hard limits: exceeding one stops the command, or the sandbox, never the host.

    Raises:
        ConfigError: a limit is not positive, limits contradict each other, or the image has no valid name.
    """

    image: str
    """Container image with `python3` (3.8 or later) in its path, e.g. `python:3.12-slim`, or a name that `snapshot`
    gave; a provider without images takes a root folder it knows by this name."""
    cpu: float = 1.0
    """Cores."""
    memory: int = 2 * GiB
    """Bytes, swap and, unless `writable_root`, written files included."""
    pids: int = 256
    """Processes and threads at one time."""
    disk: int = GiB
    """Bytes that may be written. Docker shares them out equally among the folders of `writable` and /dev/shm."""
    writable: tuple[str, ...] = ("/workspace", "/tmp")
    """The folders that commands may write, kept in memory. The first is where they run, and their home."""
    writable_root: bool = False
    """For tasks that write anywhere in the image: as its root user, without privileges, on the host's disk. Nothing
    stops such a write; `disk` is watched instead, and a sandbox beyond it is destroyed within seconds."""
    network: Network = "none"
    lifetime_s: float = 3600.0
    """Seconds after which the provider destroys the sandbox, whether or not anybody still uses it."""
    deadline_s: float = 120.0
    """Seconds in which `create` must deliver a usable sandbox: pulling, starting and set-up together."""
    setup: tuple[str, ...] = ()
    """Shell commands that prepare it, run in order within the deadline; a failing one fails `create`."""

    def __post_init__(self) -> None:
        if not _IMAGE.fullmatch(self.image):
            raise ConfigError(f"image {self.image!r} is no image name: write it as in 'python:3.12-slim'")
        for name in ("cpu", "memory", "pids", "disk", "lifetime_s", "deadline_s"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ConfigError(f"{name} of a sandbox must be positive and finite, not {value!r}")
        if not self.writable or not all(re.fullmatch(r"(/[\w.-]*\w)+", folder) for folder in self.writable):
            raise ConfigError(f"writable folders of a sandbox are absolute paths, at least one, not {self.writable}")
        if not self.writable_root and self.disk >= self.memory:
            raise ConfigError(
                f"disk ({self.disk:,} bytes) must be less than memory ({self.memory:,} bytes): written files are "
                "kept in memory; lower disk, or set writable_root"
            )
        if self.network not in ("none", "full"):
            raise ConfigError(f"network of a sandbox is 'none' or 'full', not {self.network!r}")
        if self.deadline_s > self.lifetime_s:
            raise ConfigError(
                f"deadline_s ({self.deadline_s:g}) is longer than lifetime_s ({self.lifetime_s:g}): "
                "the sandbox would be destroyed before it is ready"
            )


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended, by itself or by its time limit."""

    exit_code: int | None
    """None if it was stopped by the time limit; 128 + n if signal n ended it; 126 if it could not be started."""
    stdout: bytes
    stderr: bytes
    seconds: float
    """Wall time."""
    truncated: bool = False
    """Whether output beyond the limit was dropped. Of each stream its beginning and end are kept, with a line in the
    middle that says how much is missing."""
    oom_killed: bool = False
    """Whether the kernel killed something in the sandbox meanwhile because the memory was used up. Not every provider
    can tell (gVisor)."""

    @property
    def timed_out(self) -> bool:
        return self.exit_code is None

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


class Closable(Protocol):
    """What has to be closed. Leaving its `async with` block closes it."""

    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Sandbox(Closable, Protocol):
    """A place where commands run. Leaving the `async with` block closes it.

    Every method raises `SandboxError` when the sandbox itself fails or is gone, with the cause; what a command does,
    its failure and its time limit included, is a `Completed`.
    """

    @property
    def name(self) -> str:
        """Unique on this host."""
        ...

    @property
    def spec(self) -> SandboxSpec: ...

    async def run(
        self, command: str, timeout_s: float, *, stdin: bytes = b"", workdir: str = "", output_limit: int = MiB
    ) -> Completed:
        """Run a shell command. At the time limit it and all that it started are killed, daemons included.

        What it leaves running when it ends by itself runs on, until the sandbox is closed; its output is lost, so
        redirect it. Cancelling this call does not stop the command; its time limit does.

        Args:
            command: up to 128 KiB, for `/bin/sh -c`.
            stdin: up to 64 MiB.
            output_limit: bytes of stdout, and of stderr, to keep; up to 64 MiB.
        """
        ...

    async def read(self, path: PurePosixPath, *, limit: int = 64 * MiB) -> bytes:
        """The content of a file of up to `limit` bytes.

        Raises:
            OSError: as `open` would on the host: FileNotFoundError, PermissionError …; too large; no regular file.
        """
        ...

    async def write(self, path: PurePosixPath, content: bytes, *, mode: int = 0o644) -> None:
        """Create or replace a file, folders included.

        Raises:
            OSError: as for `read`.
        """
        ...

    async def socket(self, path: PurePosixPath, *, timeout_s: float = 30.0) -> Path:
        """A Unix socket on the host that leads to one in the sandbox: how to reach a server in there.

        Nothing of the host is mounted for that: the bytes go through the sandbox's channel. The socket lies in a
        folder that only this user may enter, and goes with the sandbox.

        Args:
            timeout_s: how long to wait for a server to listen. To see that, one connection is opened and closed.

        Raises:
            OSError: nobody listens there.
        """
        ...

    async def snapshot(self) -> str:
        """The written files, as an image name for a new `SandboxSpec`; running processes are not part of it.

        The snapshot lasts as long as the process that took it.
        """
        ...

    async def fork(self) -> Sandbox:
        """A second sandbox with the same files. Processes stand still while files are copied, and are not forked."""
        ...

    async def close(self) -> None:
        """Destroy it, processes and files. Repeating that is no error."""
        ...


class Provider(Closable, Protocol):
    """A way to get sandboxes. Leaving the `async with` block closes it, and all sandboxes with it.

    Everything that a provider starts carries the label of its run and its owner, so that `reap` finds what a dead run
    left behind.
    """

    @property
    def name(self) -> str:
        """`docker`, `process` …"""
        ...

    async def create(self, spec: SandboxSpec) -> Sandbox:
        """A fresh sandbox, ready within `spec.deadline_s`.

        Raises:
            SandboxError: it did not get ready. What there is of it is destroyed, at the latest before the provider is.
            ConfigError: this provider cannot keep a limit of the spec.
        """
        ...

    async def reap(self, run: str) -> int:
        """Destroy all sandboxes with the label of `run`; returns how many there were."""
        ...

    async def close(self) -> None:
        """Destroy all sandboxes of this provider. Repeating that is no error."""
        ...
