"""What all ways of publishing share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from agentrl.agents.vllm import replies, wire
from agentrl.agents.vllm.replica import Replica, ReplicaLostError
from agentrl.errors import AgentRLError, InfraError, RunStoppedError

if TYPE_CHECKING:
    from torch import Tensor

    from agentrl.agents.vllm.capabilities import Feature

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """One publish: the tensors by their names, as policy `version`."""

    version: int
    weights: Mapping[str, Tensor]


class Targets:
    """The replicas that one publish goes to. Who breaks off leaves it; who answers that it cannot stops the run.

    Args:
        replicas: that can be reached.
        lose: told of each that died.
    """

    def __init__(self, replicas: list[Replica], lose: Callable[[Replica, str], Awaitable[None]]) -> None:
        self.replicas, self._lose = replicas, lose
        self._lives = {replica: replica.life for replica in replicas}

    @property
    def unbroken(self) -> list[Replica]:
        """Those that are the same processes as at the start: one may have died right after its part."""
        return [r for r in self.replicas if r.state != "dead" and r.life == self._lives[r]]

    async def each(
        self, step: str, call: Callable[[Replica], Awaitable[T]], *, together: bool = False
    ) -> dict[Replica, T]:
        """Make a call to every replica at once, and wait for all.

        Args:
            step: what is done, for messages: "pausing".
            call: raises an InfraError if it fails.
            together: the replicas wait for each other, so none may die.

        Raises:
            RunStoppedError: a replica answers that it did not do it, or one broke off where none may.
            InfraError: none is left.
        """
        self._check(step)
        calls = {replica: asyncio.ensure_future(call(replica)) for replica in self.replicas}
        try:
            await asyncio.wait(
                calls.values(), return_when=asyncio.FIRST_EXCEPTION if together else asyncio.ALL_COMPLETED
            )
        finally:
            for pending in calls.values():
                pending.cancel()
        failed = {r: error for r, c in calls.items() if c.done() and (error := c.exception())}
        for replica, error in failed.items():
            if not isinstance(error, AgentRLError):
                raise error
            if together or not isinstance(error, ReplicaLostError):
                raise RunStoppedError(
                    f"{step} failed at {replica.url}: {error}. The replicas may now hold different weights; "
                    "restart the server and resume the run"
                ) from error
            await self._lose(replica, f"died while {step}: {error}")
        self.replicas = [r for r in self.replicas if r not in failed]
        self._check(step)
        return {r: calls[r].result() for r in self.replicas}

    def _check(self, step: str) -> None:
        if not self.replicas:
            raise InfraError(f"no replica is left for {step}: all are dead")


class Publisher(Protocol):
    """A way for new weights to reach the servers. Each step goes to all targets before the next begins."""

    takes: Literal["weights", "adapters"]
    pauses: bool
    """Whether `transfer` changes weights that are in use, so that no request may run meanwhile."""
    needs: tuple[Feature, ...]
    """Of every server."""

    async def prepare(self, targets: Targets, update: Update) -> None:
        """All that can be done while the servers work."""
        ...

    async def transfer(self, targets: Targets, update: Update) -> None:
        """The rest. From now on the servers have the weights."""
        ...

    async def settle(self, targets: Targets, versions: Set[int]) -> None:
        """The update is verified and in use: clear away all but these versions, which requests still run with."""
        ...

    def model(self, version: int) -> str | None:
        """Name by which requests ask for a version; None where it replaces the model that is served."""
        ...

    async def holds(self, replica: Replica, version: int) -> bool:
        """Whether a replica can show, without a probe, that it still has the version that was published to it."""
        ...

    async def close(self) -> None:
        """Let go of connections beside HTTP."""
        ...


async def has_label(replica: Replica, version: int) -> bool:
    """Whether the server says that its weights are of this version. Old servers say nothing."""
    if not replica.capabilities.has("weight_version"):
        return False
    return replies.weight_version(await replica.send(wire.WEIGHT_INFO)) == wire.label(version)


def unshared(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share memory once, under the first of their names: tied embeddings have two."""
    seen: set[tuple[object, ...]] = set()
    once: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        place = (tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if place not in seen:
            seen.add(place)
            once[name] = tensor.detach()
    return once


def apart(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All tensors, each in memory of its own, as files want them.

    A tied head stays in: vLLM on a CPU keeps a packed copy of it, which only a tensor of that name renews.
    """
    once = unshared(weights)
    return {name: once[name] if name in once else tensor.detach().clone() for name, tensor in weights.items()}
