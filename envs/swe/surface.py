"""What all ways of acting on a repository have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

from agentrl.envs.swe.workshop import workshop
from agentrl.envs.swe.workspace import Start, Workspace

Problem = Literal["", "format", "tool"]
"""Of an action: none; it is none of the language; it is one, and cannot be carried out like this."""


@dataclass(frozen=True, slots=True)
class Move:
    """What an action brought."""

    text: str
    """The observation."""
    problem: Problem = ""
    submit: bool = False
    """Whether it ends the episode and hands in the diff."""


class Surface(Protocol):
    """A repository at some point of an episode, and the actions that there are."""

    def act(self, action: str) -> Move:
        """Carry out one action, whatever it says.

        Raises:
            SandboxError: the sandbox failed.
        """
        ...

    def diff(self) -> str:
        """What has been changed so far, as a unified diff.

        Raises:
            SandboxError: the sandbox failed.
            UnreadableError: the agent has made something of the repository that no diff can say.
        """
        ...

    def oracle(self, solved: Mapping[str, bytes]) -> Iterator[str]:
        """Actions that lead from here to these files and submit them."""
        ...

    def fork(self) -> Self:
        """An independent one at the same point."""
        ...

    def pack(self) -> dict[str, Any]:
        """The point reached, as plain data that outlives the process."""
        ...

    def close(self) -> None:
        """Give back what it holds; repeating that is no error."""
        ...


class InSandbox(Surface):
    """One that acts in a sandbox of its own."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    @classmethod
    def open(cls, kind: str, start: Start) -> Self:
        """At the start of a task, in a fresh sandbox.

        Args:
            kind: of sandbox, see `workshop.PROVIDERS`.

        Raises:
            SandboxError: there is none to be had, or it fails.
        """
        return cls(workshop().call(Workspace.open(kind, start)))

    @classmethod
    def restore(cls, kind: str, start: Start, packed: Mapping[str, Any]) -> Self:
        """At the point that `pack` gave, in a fresh sandbox."""
        return cls(workshop().call(Workspace.restore(kind, start, packed["files"])))

    def diff(self) -> str:
        return self.workspace.shop.call(self.workspace.diff())

    def files(self) -> dict[str, bytes]:
        """The repository as it is now."""
        return self.workspace.shop.call(self.workspace.files())

    def fork(self) -> Self:
        return type(self)(self.workspace.shop.call(self.workspace.fork()))

    def pack(self) -> dict[str, Any]:
        return {"files": self.workspace.shop.call(self.workspace.pack())}

    def close(self) -> None:
        self.workspace.shop.call(self.workspace.close())
