"""Publishing from GPU to GPU, by vLLM's own weight transfer."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Sequence, Set
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit

from agentrl.agents.vllm import replies, wire
from agentrl.agents.vllm.capabilities import Feature
from agentrl.agents.vllm.publish.base import Targets, Update, has_label, unshared
from agentrl.agents.vllm.replica import Replica
from agentrl.errors import AgentRLError, RunStoppedError

if TYPE_CHECKING:
    from torch import Tensor

PACKED = False
"""Tensors travel one by one. It is said explicitly, as a default that differs between the sides would hang both."""


class Communicator(Protocol):
    """Rank 0 of an NCCL group. Its calls block, without a limit, until the other ranks do their part."""

    def connect(self, address: str, port: int, world_size: int) -> None:
        """Open the group at an address of this machine, and wait for all ranks."""
        ...

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Send the tensors to all ranks, one after the other; returns when they have left."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class NcclPublisher:
    """Broadcasts all tensors to the workers of all servers, which form one group with this process.

    The HTTP calls run in the event loop and the collective operations in a daemon thread: NCCL knows no time limit,
    and what a server says about a failure would otherwise never be heard.

    Args:
        communicator: makes one that is not connected.
    """

    takes: Literal["weights", "adapters"] = "weights"
    pauses = True
    needs: tuple[Feature, ...] = ("pause", "world_size", "transfer")

    def __init__(self, communicator: Callable[[], Communicator]) -> None:
        self._make = communicator
        self._group: Communicator | None = None
        self._members: list[tuple[str, int]] = []

    async def prepare(self, targets: Targets, update: Update) -> None:
        """Form the group anew if other servers belong to it than the last time."""
        members = [(replica.url, replica.life) for replica in targets.replicas]
        if members == self._members:
            return
        await self.close()

        async def size(replica: Replica) -> int:
            return replies.world_size(await replica.send(wire.WORLD_SIZE))

        sizes = await targets.each("asking for the number of workers", size)
        offsets, world_size = {}, 1
        for replica, workers in sizes.items():
            offsets[replica] = world_size
            world_size += workers
        address, port = _address_towards(targets.replicas[0].url), _free_port()

        async def join(replica: Replica) -> None:
            await replica.send(
                wire.init_transfer(
                    replica.capabilities,
                    address=address,
                    port=port,
                    rank_offset=offsets[replica],
                    world_size=world_size,
                    packed=PACKED,
                )
            )

        group = self._make()
        await _meet(
            targets.each("joining the NCCL group", join, together=True),
            lambda: group.connect(address, port, world_size),
        )
        self._group, self._members = group, [(r.url, r.life) for r in targets.replicas]

    async def transfer(self, targets: Targets, update: Update) -> None:
        """
        Raises:
            RunStoppedError: a server failed, or died: a group cannot lose a member in the middle of a broadcast.
        """
        assert self._group is not None
        if [(r.url, r.life) for r in targets.replicas] != self._members:  # one died since
            await self.prepare(targets, update)
        group = self._group
        weights = unshared(update.weights)
        described = wire.Tensors(
            tuple(weights),
            tuple(str(tensor.dtype).removeprefix("torch.") for tensor in weights.values()),
            tuple(tuple(tensor.shape) for tensor in weights.values()),
        )

        async def start(replica: Replica) -> None:
            await replica.send(wire.start_update(replica.capabilities))

        async def receive(replica: Replica) -> None:
            await replica.send(wire.update_weights(replica.capabilities, described, packed=PACKED))

        async def finish(replica: Replica) -> None:
            caps = replica.capabilities
            await replica.send(wire.finish_update(caps, update.version))
            if caps.has("weight_version") and not caps.finish_takes_version:
                await replica.send(wire.update_weight_version(caps, update.version))

        await targets.each("starting the weight update", start, together=True)
        await _meet(
            targets.each("receiving weights", receive, together=True),
            lambda: group.broadcast(list(weights.values())),
        )
        await targets.each("finishing the weight update", finish, together=True)

    async def settle(self, targets: Targets, versions: Set[int]) -> None:
        """Nothing to do."""

    def model(self, version: int) -> str | None:
        return None

    async def holds(self, replica: Replica, version: int) -> bool:
        return await has_label(replica, version)

    async def close(self) -> None:
        """Leave the group, without waiting for it: after a failure it may be stuck in a broadcast for good."""
        group, self._group, self._members = self._group, None, []
        if group is not None:
            threading.Thread(target=group.close, daemon=True, name="nccl").start()


async def _meet(calls: Coroutine[Any, Any, object], collective: Callable[[], None]) -> None:
    """Make HTTP calls and a blocking collective operation, which wait for each other; the first failure is raised.

    A collective whose peers have failed never returns. Its thread is left behind, and does not keep the process alive.
    """
    loop = asyncio.get_running_loop()
    met: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if not met.done():
            if error is None:
                met.set_result(None)
            else:
                met.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            collective()
        except BaseException as e:  # noqa: BLE001 - it is raised where it is waited for
            error = e
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=run, daemon=True, name="nccl").start()
    http = asyncio.create_task(calls)
    try:
        parts: list[asyncio.Future[Any]] = [http, met]
        await asyncio.wait(parts, return_when=asyncio.FIRST_EXCEPTION)
        for part in parts:  # the server's words first: they say more
            if part.done():
                part.result()
    except AgentRLError:
        raise
    except Exception as e:
        raise RunStoppedError(f"the trainer's side of the weight transfer failed: {type(e).__name__} {e}") from e
    finally:
        http.cancel()
        met.cancel()


def _address_towards(url: str) -> str:
    """The address by which a server can reach this machine: that of the interface which leads to it."""
    address = urlsplit(url)
    port = address.port or (443 if address.scheme == "https" else 80)
    family, kind, _, _, where = socket.getaddrinfo(address.hostname, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as probe:  # connecting a datagram socket sends nothing
        probe.connect(where)
        return str(probe.getsockname()[0])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
