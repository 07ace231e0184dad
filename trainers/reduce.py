"""Sums over the processes of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")


def add_up(parameters: Sequence[nn.Parameter], sums: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add gradients (in place) and named scalars over all processes, in one all-reduce.

    A parameter without a gradient on any process keeps none: an optimiser skips it, where a gradient of zeros would
    let its momentum move it.
    """
    present = torch.tensor([float(p.grad is not None) for p in parameters])
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    device = gradients[0].device
    flat = torch.cat([*(g.flatten() for g in gradients), present.to(device), torch.stack(list(sums.values()))])
    dist.all_reduce(flat)
    *parts, holders, totals = flat.split([*(p.numel() for p in parameters), len(parameters), len(sums)])
    for parameter, part, count in zip(parameters, parts, holders.tolist(), strict=True):
        parameter.grad = part.view_as(parameter) if count else None
    return dict(zip(sums, totals, strict=True))


def union(items: Sequence[tuple[int, T]]) -> list[T]:
    """Numbered items of all processes in the order of their numbers."""
    parts: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(parts, list(items))
    return [item for _, item in sorted((pair for part in parts for pair in part), key=lambda pair: pair[0])]
