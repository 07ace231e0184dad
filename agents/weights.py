"""Take published weights, whole or not at all; and hold them in another type."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from agentrl.errors import ConfigError, UnknownNameError


def load_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy `weights` into `model` in place, in the model's own types; tensors that are the model's own stay.

    Raises:
        UnknownNameError: the model has no weight of that name.
        ConfigError: a weight is missing or has another shape.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    targets: dict[str, Tensor] = {**dict(model.named_buffers()), **parameters}
    for name, new in weights.items():
        if name not in targets:
            raise UnknownNameError("weight", name, targets)
        if new.shape != targets[name].shape:
            raise ConfigError(f"weight {name} has shape {tuple(new.shape)}, not {tuple(targets[name].shape)}")
    given = {targets[name].data_ptr() for name in weights}
    if missing := [name for name, p in parameters.items() if p.data_ptr() not in given]:
        raise ConfigError(f"published weights lack {', '.join(missing[:3])} ({len(missing)} in all)")
    with torch.no_grad():
        for name, new in weights.items():
            if new.data_ptr() != targets[name].data_ptr():
                targets[name].copy_(new)


def cast_weights(model: nn.Module, dtype: torch.dtype) -> None:
    """Convert all parameters in place. Buffers stay as they are.

    `model.to(dtype)` would round the frequencies of rotary positions, too: in bfloat16 the angles at position 4,000
    are then wrong by up to 0.7.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
