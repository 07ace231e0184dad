"""What all ways of acting on a repository have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, Self

from agentrl.envs.base import Demonstrator
from agentrl.envs.swe import judging
from agentrl.envs.swe.instance import Instance
from agentrl.envs.swe.workshop import workshop
from agentrl.envs.swe.workspace import Workspace

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

    @classmethod
    def open(cls, kind: str, instance: Instance) -> Self:
        """At the start of a task.

        Args:
            kind: of sandbox, see `workshop.PROVIDERS`.

        Raises:
            ConfigError: the task's repository is not here, or this surface cannot show the task.
            SandboxError: there is no sandbox to be had, or it fails.
        """
        ...

    @classmethod
    def restore(cls, kind: str, instance: Instance, packed: Mapping[str, Any]) -> Self:
        """At the point that `pack` gave; arguments and errors as for `open`."""
        ...

    def opening(self, statement: str) -> str:
        """The first observation of a task with this problem statement."""
        ...

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

    def demonstrator(self, solved: Mapping[str, bytes], *, seed: int, mistakes: float) -> Demonstrator | None:
        """An expert that does more than the oracle, where there is one; arguments as of `TextEnv.demonstrator`."""
        return None

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

    manual: ClassVar[str]
    """What can be done, for the agent."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    @classmethod
    def open(cls, kind: str, instance: Instance) -> Self:
        return cls(workshop().call(Workspace.open(kind, judging.start_of(instance))))

    @classmethod
    def restore(cls, kind: str, instance: Instance, packed: Mapping[str, Any]) -> Self:
        return cls(workshop().call(Workspace.restore(kind, judging.start_of(instance), packed["files"])))

    def opening(self, statement: str) -> str:
        return f"{self.manual}\n{statement.strip()}"

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
