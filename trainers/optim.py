"""Optimisers: AdamW, or Muon for the hidden matrices with AdamW for everything else; learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from agentrl.config import OptimConfig


def lr_scale(step: int, warmup: int, total: int, schedule: str) -> float:
    """Factor on the learning rate of optimiser step `step` (from 0): linear warm-up, then decay to 0 at `total`."""
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant" or total <= warmup:
        return 1.0
    done = min((step - warmup) / (total - warmup), 1.0)
    return 1 - done if schedule == "linear" else (1 + math.cos(math.pi * done)) / 2


class Optimizer:
    """One or two torch optimisers with a common schedule.

    Muon (K. Jordan, 2024; arXiv 2502.16982) takes the two-dimensional weights of the hidden layers. Embeddings, the
    output layer, norms, biases and convolutions stay with AdamW: orthogonalising makes no sense for them. Weight
    decay applies to matrices only.
    """

    def __init__(self, modules: Iterable[nn.Module], config: OptimConfig, total_steps: int | None = None) -> None:
        """
        Args:
            modules: what to train, e.g. policy and critic; parameters without gradient are left alone.
            config: names the optimiser and its constants.
            total_steps: length of the schedule; None where it is not known, which only `constant` allows.
        """
        if config.schedule != "constant" and total_steps is None:
            raise ValueError(f"schedule {config.schedule!r} needs the number of steps")
        self.config, self.total_steps, self.step_count = config, total_steps or 0, 0
        hidden, matrices, vectors = _split(modules)
        if config.name == "adamw":
            matrices, hidden = hidden + matrices, []
        self.parameters = [*hidden, *matrices, *vectors]
        self.optimizers: list[torch.optim.Optimizer] = []
        self._base_lrs: list[float] = []
        groups: list[dict[str, Any]] = [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        if groups := [group for group in groups if group["params"]]:
            self.optimizers.append(torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=True))
            self._base_lrs.append(config.lr)
        if hidden:
            self.optimizers.append(torch.optim.Muon(hidden, lr=config.muon_lr, weight_decay=config.weight_decay))
            self._base_lrs.append(config.muon_lr)

    @property
    def lr(self) -> float:
        """Learning rate of AdamW in the next step."""
        return self.config.lr * self._scale()

    def step(self) -> None:
        scale = self._scale()
        for optimizer, lr in zip(self.optimizers, self._base_lrs, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = lr * scale
            optimizer.step()
        self.step_count += 1

    def zero_grad(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step_count, "optimizers": [o.state_dict() for o in self.optimizers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step_count = state["step"]
        for optimizer, inner in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(inner)

    def _scale(self) -> float:
        return lr_scale(self.step_count, self.config.warmup_steps, self.total_steps, self.config.schedule)


def _split(modules: Iterable[nn.Module]) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """Trainable parameters as (hidden matrices, other matrices and convolutions, vectors), each once."""
    modules = list(modules)
    seen: set[int] = set()
    hidden: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    vectors: list[nn.Parameter] = []
    edges = {id(p) for module in modules for p in _edge_parameters(module)}
    for module in modules:
        for parameter in module.parameters():
            if id(parameter) in seen or not parameter.requires_grad:
                continue
            seen.add(id(parameter))
            if parameter.ndim < 2:
                vectors.append(parameter)
            elif parameter.ndim == 2 and id(parameter) not in edges:
                hidden.append(parameter)
            else:
                others.append(parameter)
    return hidden, others, vectors


def _edge_parameters(module: nn.Module) -> Iterable[nn.Parameter]:
    """Parameters of the layers at both ends of a model: embeddings, output layers, value heads."""
    for inner in module.modules():
        if isinstance(inner, nn.Embedding) or (isinstance(inner, nn.Linear) and inner.out_features == 1):
            yield from inner.parameters()
        if isinstance(inner, PreTrainedModel) and (head := inner.get_output_embeddings()) is not None:
            yield from head.parameters()
