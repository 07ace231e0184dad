"""The trainer's end of vLLM's weight transfer: NCCL through vLLM's own binding of it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from agentrl.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor


def available() -> bool:
    """Whether this process could be part of a transfer."""
    if find_spec("vllm") is None or find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


class VLLMCommunicator:
    """Rank 0 of a `StatelessProcessGroup`, which every supported vLLM has, on this process's current GPU.

    Raises:
        ConfigError: vLLM is not installed beside the trainer, or there is no GPU.
    """

    def __init__(self) -> None:
        if not available():
            raise ConfigError(
                "publish = 'nccl' needs a CUDA device and the package vllm beside the trainer; install it, or set "
                "engine.publish = 'checkpoint'"
            )
        self._group: Any = None

    def connect(self, address: str, port: int, world_size: int) -> None:
        import torch
        from vllm.distributed.device_communicators.pynccl import PyNcclCommunicator
        from vllm.distributed.utils import StatelessProcessGroup

        group = StatelessProcessGroup.create(host=address, port=port, rank=0, world_size=world_size)
        self._device = torch.device("cuda", torch.cuda.current_device())
        self._group = PyNcclCommunicator(group, device=self._device)

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        import torch

        with torch.cuda.device(self._device):
            stream = torch.cuda.current_stream()
            for tensor in tensors:
                # NCCL sends what lies behind the pointer: never a view with gaps, never memory of the host.
                self._group.broadcast(tensor.to(self._device).contiguous(), src=0, stream=stream)
            stream.synchronize()

    def close(self) -> None:
        if self._group is not None:
            self._group.destroy()
            self._group = None
