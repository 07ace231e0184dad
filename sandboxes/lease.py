"""Who owns what we started, and until when: written on everything, so that nothing outlives its owner unnoticed."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from agentrl.errors import ConfigError

GRACE_S = 30.0
"""Seconds after which a lease that ran out is taken to be forgotten: the agent ends itself at its end."""

_RUN = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from a later one with its number and from one in another container or on another host."""

    place: str
    """Of the boot of the machine and the namespace of process ids."""
    pid: int
    started: int
    """Clock ticks since boot."""

    @classmethod
    def this(cls) -> Self:
        return cls(_place(), os.getpid(), _started(os.getpid()))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The reverse of `str`.

        Raises:
            ValueError: it is not of this form.
        """
        place, pid, started = text.split(".")
        return cls(place, int(pid), int(started))

    def __str__(self) -> str:
        return f"{self.place}.{self.pid}.{self.started}"

    @property
    def dead(self) -> bool:
        """Whether it is known to be dead; of processes elsewhere we cannot know."""
        return self.place == _place() and _started(self.pid) != self.started


@dataclass(frozen=True, slots=True)
class Lease:
    """What is written on a sandbox.

    Raises:
        ConfigError: the run has no valid name.
    """

    run: str
    sandbox: str
    owner: Owner
    expires: float
    """Unix time in seconds."""

    def __post_init__(self) -> None:
        if not _RUN.fullmatch(self.run):
            raise ConfigError(f"run {self.run!r}: use up to 40 of a-z, 0-9, _ and -, and begin with a letter or digit")

    @classmethod
    def new(cls, run: str, lifetime_s: float) -> Self:
        return cls(run, "s-" + secrets.token_hex(6), Owner.this(), time.time() + lifetime_s)

    @property
    def forfeit(self) -> bool:
        """Whether the sandbox may be destroyed by anybody."""
        return self.owner.dead or time.time() > self.expires + GRACE_S

    def labels(self) -> dict[str, str]:
        return {
            "agentrl.run": self.run,
            "agentrl.sandbox": self.sandbox,
            "agentrl.owner": str(self.owner),
            "agentrl.expires": f"{self.expires:.0f}",
        }

    @classmethod
    def parse(cls, labels: Mapping[str, str]) -> Self:
        """The reverse of `labels`.

        Raises:
            ValueError: these are no labels of ours.
        """
        try:
            run, sandbox, owner, expires = (labels[f"agentrl.{key}"] for key in ("run", "sandbox", "owner", "expires"))
        except KeyError as error:
            raise ValueError(f"label {error} is missing") from None
        return cls(run, sandbox, Owner.parse(owner), float(expires))


@cache
def _place() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    return hashlib.sha256(f"{boot}{os.stat('/proc/self/ns/pid').st_ino}".encode()).hexdigest()[:12]


def _started(pid: int) -> int:
    """When a process was started, in clock ticks since boot; 0 if there is none, or only its exit status is left."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])
