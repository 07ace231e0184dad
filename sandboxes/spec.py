"""The sandbox contract: where untrusted things run, whoever provides the place.

    Provider.create(SandboxSpec) ─► Sandbox ─► run, read, write, snapshot, close

A provider is Docker, or a process in namespaces of its own; one test suite is to run over all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
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
    """What a sandbox gets, as hard limits: exceeding one stops the command, never the host.

    Raises:
        ConfigError: a limit is not positive, the image has no valid name, or `deadline_s` is longer than `lifetime_s`.
    """

    image: str
    """Container image, e.g. `python:3.12-slim`; a provider without images takes a root folder it knows by this name."""
    cpu: float = 1.0
    """Cores."""
    memory: int = 2 * GiB
    """Bytes, swap included."""
    pids: int = 256
    """Processes and threads at one time."""
    disk: int = 4 * GiB
    """Bytes that may be written."""
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
    """None if it was stopped by the time limit."""
    stdout: bytes
    stderr: bytes
    seconds: float
    """Wall time."""
    truncated: bool = False
    """Whether output beyond the provider's limit was dropped; it is never collected without a limit."""

    @property
    def timed_out(self) -> bool:
        return self.exit_code is None

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


class Sandbox(Protocol):
    """A place where commands run. Leaving the `async with` block closes it.

    Every method raises InfraError when the sandbox itself fails or is gone; what a command does, its failure and its
    time limit included, is a `Completed`.
    """

    @property
    def spec(self) -> SandboxSpec: ...

    async def run(self, command: str, timeout_s: float, *, stdin: bytes = b"", workdir: str = "") -> Completed:
        """Run a shell command. At the time limit it and all its children are killed."""
        ...

    async def read(self, path: PurePosixPath) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: there is no such file.
        """
        ...

    async def write(self, path: PurePosixPath, content: bytes) -> None:
        """Create or replace a file, folders included."""
        ...

    async def snapshot(self) -> str:
        """The file system as an image name for a new `SandboxSpec`; running processes are not part of it."""
        ...

    async def close(self) -> None:
        """Destroy it, processes and files. Repeating that is no error."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Provider(Protocol):
    """A way to get sandboxes.

    Everything that a provider starts carries the label of its run, so that `reap` finds what a dead run left behind.
    """

    @property
    def name(self) -> str:
        """`docker`, `process` …"""
        ...

    async def create(self, spec: SandboxSpec) -> Sandbox:
        """A fresh sandbox, ready within `spec.deadline_s`.

        Raises:
            InfraError: it did not get ready in time; nothing of it is left.
            ConfigError: this provider cannot keep a limit of the spec.
        """
        ...

    async def reap(self, run: str) -> int:
        """Destroy all sandboxes with the label of `run`; returns how many there were."""
        ...
