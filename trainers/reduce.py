"""Sums over the processes of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")


def is_maximum(name: str) -> bool:
    """Whether a statistic is the largest of its parts, and not their sum."""
    return name.endswith("_max")


def add_up(parameters: Sequence[nn.Parameter], stats: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add gradients (in place) and named scalars over all processes, in one all-reduce; maxima take another.

    A parameter without a gradient on any process keeps none: an optimiser skips it, where a gradient of zeros would
    let its momentum move it.
    """
    present = torch.tensor([float(p.grad is not None) for p in parameters])
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    device = gradients[0].device
    flat = torch.cat([*(g.flatten() for g in gradients), present.to(device), torch.stack(list(stats.values()))])
    dist.all_reduce(flat)
    *parts, holders, totals = flat.split([*(p.numel() for p in parameters), len(parameters), len(stats)])
    for parameter, part, count in zip(parameters, parts, holders.tolist(), strict=True):
        parameter.grad = part.view_as(parameter) if count else None
    reduced = dict(zip(stats, totals, strict=True))
    if names := [name for name in stats if is_maximum(name)]:
        largest = torch.stack([stats[name] for name in names])
        dist.all_reduce(largest, op=dist.ReduceOp.MAX)
        reduced |= zip(names, largest, strict=True)
    return reduced


def union(items: Sequence[tuple[int, T]]) -> list[T]:
    """Numbered items of all processes in the order of their numbers."""
    parts: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(parts, list(items))
    return [item for _, item in sorted((pair for part in parts for pair in part), key=lambda pair: pair[0])]
