"""Data-parallel processes on one machine: the same program on every rank, joined by gloo over loopback."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import start_processes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """The processes of a run, seen from one of them."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files and talks to the user."""
        return self.rank == 0

    def shard(self, items: Sequence[T]) -> list[T]:
        """This rank's part of `items`: every `size`-th, so that neighbours of like length are spread."""
        return list(items[self.rank :: self.size])

    def gather(self, part: Sequence[T]) -> list[T]:
        """The inverse of `shard`: every rank receives the parts of all, in the original order."""
        if self.size == 1:
            return list(part)
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, list(part))
        total = sum(len(p) for p in parts)
        return [parts[i % self.size][i // self.size] for i in range(total)]

    def share(self, value: T) -> T:
        """Rank 0's value on every rank."""
        if self.size == 1:
            return value
        box: list[Any] = [value]
        dist.broadcast_object_list(box, src=0)
        result: T = box[0]
        return result


def launch(size: int, program: Callable[..., T], *args: Any) -> T:
    """Run `program(world, *args)` on `size` ranks and return what rank 0, this process, returned.

    If another rank fails, its error is raised here. No process outlives the call.
    """
    if size == 1:
        return program(World(), *args)
    with tempfile.TemporaryDirectory(prefix="agentrl-") as folder:
        others = start_processes(
            _other_rank, (size, folder, program, args), nprocs=size - 1, join=False, start_method="spawn"
        )
        try:
            while len(os.listdir(folder)) < size - 1:
                others.join(timeout=0.05)  # raises the error of one that does not get as far as to join
            return _run(0, size, folder, program, args)
        except RuntimeError:
            others.join(timeout=5)  # raises the other rank's error, the cause of a broken connection here
            raise
        finally:
            for process in others.processes:
                process.terminate()
            for process in others.processes:
                process.join()


def _other_rank(index: int, size: int, folder: str, program: Callable[..., Any], args: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is rank 0's to handle
    Path(folder, f"rank-{index + 1}").touch()
    _run(index + 1, size, folder, program, args)


def _run(rank: int, size: int, folder: str, program: Callable[..., T], args: tuple[Any, ...]) -> T:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // size))
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=size)
    try:
        return program(World(rank, size), *args)
    finally:
        dist.destroy_process_group()
