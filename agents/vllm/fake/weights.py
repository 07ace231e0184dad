"""The weights of the fake, and all the ways in which they change: the state that vLLM's workers keep."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from agentrl.agents.vllm.fake import bodies
from agentrl.agents.vllm.fake.channel import Communicator
from agentrl.agents.vllm.fake.faults import Faults
from agentrl.agents.vllm.fake.policy import Policy
from agentrl.agents.vllm.fake.releases import Flags, Release

if TYPE_CHECKING:
    from torch import Tensor

B = TypeVar("B", bound=BaseModel)
T = TypeVar("T")


class WorkerError(Exception):
    """A worker raised; vLLM's API server reports it as status 500."""


class Weights:
    """One worker's weights."""

    def __init__(self, policy: Policy, release: Release, flags: Flags, faults: Faults) -> None:
        self.policy, self.release, self.flags, self.faults = policy, release, flags, faults
        self.label = "default"
        """As `/weight_info` tells it: what was last said, true or not."""
        self.adapters: dict[str, str] = {}
        """Folder of each adapter that is served."""
        self.updates = 0
        """Weights loaded, by whatever way."""
        self._active = False
        self._group: Communicator | None = None
        self._packing = bodies.Packing()

    # -- transfer ----------------------------------------------------------------------------------------------

    async def init(self, body: dict[str, Any]) -> None:
        self._check_backend()
        info = _parse(bodies.init_info(self.release), body, "init_info")
        if isinstance(info, bodies.PackedInitInfo):
            self._packing = info
        if self._group is not None:
            self._group.close()
        arguments = (info.master_address, info.master_port, info.rank_offset, info.world_size)
        self._group = await _in_thread(lambda: Communicator(*arguments))

    def start(self) -> None:
        self._check_backend()
        if self._active:
            raise WorkerError(
                "start_weight_update called while a weight update is already active. Call finish_weight_update first."
            )
        self._active = True

    async def update(self, body: dict[str, Any]) -> None:
        self._check_backend()
        if not self._active:
            raise WorkerError("start_weight_update must be called before update_weights.")
        try:
            await self._update(body)
        except WorkerError:
            self._active = not self.release.failed_update_ends
            raise

    async def _update(self, body: dict[str, Any]) -> None:
        info = _parse(bodies.update_info(self.release), body, "update_info")
        if not len(info.names) == len(info.dtype_names) == len(info.shapes):
            raise WorkerError("`dtype_names` and `shapes` should be of the same size as `names`")
        if self._group is None:
            raise WorkerError("NCCL weight transfer not initialized. Call init_transfer_engine() first.")
        self._check_refusal()
        packing = info if isinstance(info, bodies.PackedUpdateInfo) else self._packing
        group = self._group
        tensors = await _in_thread(lambda: _receive(group, info, packing))
        if self.faults.half_publish:
            tensors = dict(list(tensors.items())[: len(tensors) // 2])
        if not self.faults.ignore_publish:
            self._load(lambda: self.policy.load_tensors(tensors))

    def finish(self, version: str | None) -> None:
        self._check_backend()
        if not self._active:
            raise WorkerError("finish_weight_update called without a matching start_weight_update.")
        self._active = False
        if version is not None:
            self.label = version

    def shutdown(self) -> None:
        if self._active:
            raise WorkerError("Cannot release a trainer connection during a weight update")
        if self._group is not None:
            self._group.close()
            self._group = None

    # -- folders -----------------------------------------------------------------------------------------------

    def call(self, body: bodies.RpcBody) -> None:
        """`/collective_rpc`."""
        if body.method != "reload_weights":
            raise WorkerError(f"Method {body.method!r} is not implemented by the fake's worker.")
        arguments = _parse(bodies.ReloadArguments, body.kwargs, "kwargs")
        self._check_refusal()
        if arguments.weights_path is None or body.args:
            raise WorkerError("the fake reloads from a weights_path alone")
        folder = Path(arguments.weights_path)
        if not self.faults.ignore_publish:
            self._load(lambda: self.policy.load_folder(folder, half=self.faults.half_publish))

    def has_adapter_folder(self, folder: str) -> bool:
        return (Path(folder) / "adapter_config.json").is_file()

    def load_adapter(self, name: str, folder: str) -> None:
        self._check_refusal()
        # A stale adapter is the one loaded before, under a new name.
        stale = next(reversed(self.adapters.values()), None) if self.faults.ignore_publish else None
        self._load(lambda: self.policy.load_adapter(name, Path(stale or folder)))
        self.adapters[name] = folder

    def unload_adapter(self, name: str) -> None:
        del self.adapters[name]
        self.policy.unload_adapter(name)

    # -- checks ------------------------------------------------------------------------------------------------

    def _load(self, load: Callable[[], None]) -> None:
        try:
            load()
        except (OSError, ValueError, KeyError) as error:
            raise WorkerError(str(error)) from error
        self.updates += 1

    def _check_backend(self) -> None:
        if not self.flags.weight_transfer:
            raise WorkerError("Weight transfer not configured. Please set weight_transfer_config to enable it.")

    def _check_refusal(self) -> None:
        if self.faults.refuse_publish:
            raise WorkerError("CUDA out of memory. Tried to allocate 2.00 GiB.")


async def _in_thread(blocking: Callable[[], T]) -> T:
    """Do what waits for the trainer; a daemon thread, as a server that dies must not keep the process waiting."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: WorkerError | None) -> None:
        if result.cancelled():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(cast(T, value))

    def run() -> None:
        value, error = None, None
        try:
            value = blocking()
        except Exception as e:  # noqa: BLE001 - whatever a worker raises is answered with 500
            error = WorkerError(str(e))
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, daemon=True, name="fake vLLM worker").start()
    return await result


def _parse(kind: type[B], data: dict[str, Any], what: str) -> B:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise WorkerError(f"Invalid {what} for NCCLWeightTransferEngine: {error}") from error


def _receive(group: Communicator, info: bodies.UpdateInfo, packing: bodies.Packing) -> dict[str, Tensor]:
    """The tensors of an update: one a message, or packed as vLLM packs them: until a buffer is more than full."""
    import torch

    metas = [
        (name, getattr(torch, dtype), torch.Size(shape))
        for name, dtype, shape in zip(info.names, info.dtype_names, info.shapes, strict=True)
    ]
    limit = packing.packed_buffer_size_bytes if packing.packed else -1
    tensors: dict[str, Tensor] = {}
    batch: list[tuple[str, torch.dtype, torch.Size]] = []
    for i, meta in enumerate(metas):
        batch.append(meta)
        size = sum(shape.numel() * dtype.itemsize for _, dtype, shape in batch)
        if size <= limit and i + 1 < len(metas):
            continue
        data = group.receive()
        expected = torch.uint8 if packing.packed else meta[1]
        if data.dtype != expected or data.numel() * data.dtype.itemsize != size:
            raise WorkerError(
                f"NCCL would hang: {meta[0]} is announced as {size} bytes of {expected}, and {tuple(data.shape)} of "
                f"{data.dtype} were sent"
            )
        flat = data.contiguous().view(-1).view(torch.uint8)
        for name, dtype, shape in batch:
            part, flat = flat[: shape.numel() * dtype.itemsize], flat[shape.numel() * dtype.itemsize :]
            tensors[name] = part.clone().view(dtype).view(shape)
        batch = []
    return tensors
