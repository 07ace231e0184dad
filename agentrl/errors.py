"""Typed errors: each says what went wrong and what to do about it.

`AgentRLError` is a mistake or a fault whose message is complete by itself; the command line prints it as one line
and exits with code 2. Anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, Literal, Self

SandboxCause = Literal[
    "closed",  # by us, before
    "corrupt",  # what it answers makes no sense
    "deadline",  # not ready, or no answer, in time
    "disk_full",
    "engine",  # the engine refused for another reason
    "engine_down",
    "image_missing",
    "killed",  # from outside, or it ended by itself
    "lifetime",
    "oom_killed",
    "setup_failed",
]


class AgentRLError(Exception):
    """Base of all errors that agentrl raises on purpose. Processes can hand them to each other by pickle."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[AgentRLError], args: tuple[Any, ...], attributes: dict[str, Any]) -> AgentRLError:
    error = kind.__new__(kind, *args)  # __init__ may take other arguments and has had its say
    error.__dict__.update(attributes)
    return error


class UnknownNameError(AgentRLError, KeyError):
    """A name is not among the known ones; the message names the nearest."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        near = difflib.get_close_matches(name, self.known, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else "known: " + (", ".join(self.known) or "none")
        super().__init__(f"unknown {kind} {name!r}; {hint}")

    @classmethod
    def told(cls, message: str, kind: str, name: str) -> Self:
        """The same error of somebody else, whose known names are in the message alone."""
        error = cls.__new__(cls, message)
        error.kind, error.name, error.known = kind, name, []
        return error

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return str(self.args[0])


class ConfigError(AgentRLError, ValueError):
    """A configuration value is wrong, or two of them do not fit together."""


class MissingExtraError(AgentRLError, ImportError):
    """An optional dependency is not installed; the message gives the line that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{package} is not installed; install it with: pip install 'agentrl[{extra}]'")


class CorruptFileError(AgentRLError, ValueError):
    """A game, checkpoint or run file cannot be used; the message gives the file and the reason."""

    def __init__(self, path: object, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


class UnsupportedGameError(AgentRLError, ValueError):
    """A valid game uses a feature that our engine does not play; the message names it and the alternative."""


class UnsupportedTaskError(AgentRLError, ValueError):
    """A valid task of somebody else needs what we do not have; the message names it."""


class ActionError(AgentRLError, ValueError):
    """An action cannot be read or carried out; the message is for the agent."""


class InfraError(AgentRLError, RuntimeError):
    """Infrastructure failed (sandbox, server, engine). Never a reward: the turn gets the outcome `infra_error`."""


class SandboxError(InfraError):
    """A sandbox failed, or could not be had; `cause` says how in a word."""

    def __init__(self, cause: SandboxCause, message: str) -> None:
        self.cause = cause
        super().__init__(f"{message} [{cause}]")


class BrowserError(InfraError):
    """Chromium, or a page in it, failed; the pool has another one for the next episode."""


class DesktopError(InfraError):
    """A desktop, or a program on it, failed; the next episode has another one."""


class RunStoppedError(AgentRLError, RuntimeError):
    """A run stops on purpose: too many infrastructure failures, log-prob mismatch, non-finite loss …"""
