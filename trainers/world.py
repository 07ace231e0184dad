"""Data-parallel processes on one machine: the same program on every rank, joined by gloo over loopback."""

from __future__ import annotations

import os
import pickle
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import ProcessContext, ProcessExitedException, ProcessRaisedException, start_processes

from agentrl.errors import AgentRLError, RunStoppedError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """The processes of a run, seen from one of them."""

    rank: int = 0
    size: int = 1
    spread: bool = True
    """Whether `shard` spreads items over all ranks; else the first takes them all."""

    @property
    def first(self) -> bool:
        """Whether this process writes files and talks to the user."""
        return self.rank == 0

    def shard(self, items: Sequence[T]) -> list[T]:
        """This rank's part of `items`: every `size`-th, so that neighbours of like length are spread."""
        if not self.spread:
            return list(items) if self.first else []
        return list(items[self.rank :: self.size])

    def gather(self, part: Sequence[T]) -> list[T]:
        """The inverse of `shard`: every rank receives the parts of all, in the original order."""
        if self.size == 1:
            return list(part)
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, list(part))
        if not self.spread:
            return list(parts[0])
        total = sum(len(p) for p in parts)
        return [parts[i % self.size][i // self.size] for i in range(total)]


def launch(size: int, program: Callable[..., T], *args: Any) -> T:
    """Run `program(world, *args)` on `size` ranks and return what rank 0, this process, returned.

    No process outlives the call, or this process.

    Raises:
        AgentRLError: what any rank raised; this process's own comes first.
        RunStoppedError: another process was killed.
        ProcessRaisedException: another rank failed in any other way; it holds that rank's traceback.
    """
    if size == 1:
        return program(World(), *args)
    with tempfile.TemporaryDirectory(prefix="agentrl-") as folder:
        others = start_processes(
            _other_rank, (size, folder, program, args), nprocs=size - 1, join=False, start_method="spawn"
        )
        try:
            while len(list(Path(folder).glob("rank-*"))) < size - 1:
                _join(others, folder, seconds=0.05)  # notices one that does not get as far as to join
            return _run(0, size, folder, program, args)
        except AgentRLError:
            raise
        except RuntimeError:
            _join(others, folder, seconds=5)  # another rank's end is the cause of a broken connection here
            raise
        finally:
            for process in others.processes:
                process.terminate()
            for process in others.processes:
                process.join()


def _join(others: ProcessContext, folder: str, *, seconds: float) -> None:
    """Wait for the other ranks to end, and raise the error of one that failed."""
    try:
        others.join(timeout=seconds)
    except ProcessRaisedException as error:
        path = _error_file(folder, error.error_index + 1)
        if path.exists():
            raise pickle.loads(path.read_bytes()) from None
        raise
    except ProcessExitedException as error:
        how = error.signal_name or f"exit code {error.exit_code}"
        raise RunStoppedError(f"process {error.error_index + 1} of the run was ended by {how}") from None


def _other_rank(index: int, size: int, folder: str, program: Callable[..., Any], args: tuple[Any, ...]) -> None:
    os.setpgid(0, 0)  # Ctrl-C is rank 0's to handle …
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # … and torch sends it when rank 0 dies: write nothing any more
    Path(folder, f"rank-{index + 1}").touch()
    try:
        _run(index + 1, size, folder, program, args)
    except AgentRLError as error:
        _error_file(folder, index + 1).write_bytes(pickle.dumps(error))
        raise


def _error_file(folder: str, rank: int) -> Path:
    return Path(folder, f"error-{rank}")


def _run(rank: int, size: int, folder: str, program: Callable[..., T], args: tuple[Any, ...]) -> T:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // size))
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=size)
    try:
        return program(World(rank, size), *args)
    finally:
        dist.destroy_process_group()
