"""The stand-in for NCCL: what the trainer's rank broadcasts, the workers of the same group in this process receive.

As with NCCL nothing tells the two sides apart but order and size. What would hang or load garbage there is an error
here.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_groups: dict[tuple[str, int], _Group] = {}
_lock = threading.Lock()


class _Group:
    def __init__(self, world_size: int) -> None:
        self.world_size = world_size
        self.met = threading.Barrier(world_size)
        self.queues: dict[int, queue.SimpleQueue[Tensor]] = {rank: queue.SimpleQueue() for rank in range(world_size)}


class Communicator:
    """One rank of a group; the constructor returns when all ranks have joined.

    Args:
        address: where rank 0 listens; with `port` it names the group.
        port: of rank 0.
        rank: 0 is the trainer.
        world_size: ranks of the group.
        timeout_s: seconds to wait for the other ranks, and for each tensor.

    Raises:
        RuntimeError: the others did not come in time, or think of another size.
    """

    def __init__(self, address: str, port: int, rank: int, world_size: int, timeout_s: float = 30.0) -> None:
        self.rank, self.timeout_s = rank, timeout_s
        with _lock:
            self._group = _groups.setdefault((address, port), _Group(world_size))
        if self._group.world_size != world_size:
            raise RuntimeError(f"rank {rank} expects {world_size} ranks, the others {self._group.world_size}")
        try:
            self._group.met.wait(timeout_s)
        except threading.BrokenBarrierError:
            raise RuntimeError(f"rank {rank} met not all of {world_size} ranks in {timeout_s:g} s") from None

    def broadcast(self, tensor: Tensor) -> None:
        """Send a tensor from rank 0 to all others."""
        for rank, received in self._group.queues.items():
            if rank != self.rank:
                received.put(tensor.detach().cpu().clone())

    def receive(self) -> Tensor:
        """The next tensor of rank 0.

        Raises:
            RuntimeError: none comes.
        """
        try:
            return self._group.queues[self.rank].get(timeout=self.timeout_s)
        except queue.Empty:
            raise RuntimeError(f"rank {self.rank} got no tensor in {self.timeout_s:g} s") from None

    def close(self) -> None:
        """Leave; the group's address is free again."""
        with _lock:
            for key in [key for key, group in _groups.items() if group is self._group]:
                del _groups[key]
