"""Causal attention for training in bfloat16 on a CPU, where PyTorch's fused kernel is slow.

The fused kernel runs its matrix products at a fraction of the speed of plain batched ones: for 4,000 tokens in rows of
400, forward and backward take it more than twice as long as the few lines below. Queries go in blocks, each against
the keys up to its own end, which keeps work and memory near the causal half.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedConfig

NAME = "agentrl_blocked"
BLOCK = 256
"""Queries at a time."""
FAMILIES = ("lfm2", "llama", "qwen2", "qwen3")
"""Model types whose full attention has no further twist (no sinks, no soft cap on the scores)."""


def supported(config: PreTrainedConfig) -> bool:
    """Whether every attention layer of the model is plain causal attention."""
    kinds = getattr(config, "layer_types", None) or ["full_attention"]
    return config.model_type in FAMILIES and set(kinds) <= {"full_attention", "conv"}


@contextmanager
def blocked(model: nn.Module) -> Iterator[None]:
    """Within it, forward passes of this model use blocked attention. The engine may share the model, hence no switch
    for good."""
    config: Any = model.config
    before = config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before


def blocked_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of whole rows padded on the right, so that causality is the only mask.

    Args:
        module: the attention layer; not used.
        query: (R, H, L, D).
        key, value: (R, H / groups, L, D). Products are computed in the type of `value`.
        attention_mask: must be None.
        scaling: factor on the scores, by default D^−½.

    Returns:
        (R, L, H, D) and no weights.
    """
    rows, heads, length, width = query.shape
    if attention_mask is not None or key.shape[2] != length:
        raise ValueError("blocked attention takes whole rows without a mask")
    groups = heads // key.shape[1]
    with torch.autocast("cpu", enabled=False):
        q = query.to(value.dtype).flatten(0, 1)
        k, v = (x.to(value.dtype).repeat_interleave(groups, 1).flatten(0, 1) for x in (key, value))
        mask = torch.full((length, length), float("-inf"), dtype=q.dtype).triu(1)
        blocks = []
        for start in range(0, length, BLOCK):
            stop = min(start + BLOCK, length)
            keys = k[:, :stop].transpose(1, 2)
            scores = torch.baddbmm(mask[None, start:stop, :stop], q[:, start:stop], keys, alpha=scaling or width**-0.5)
            blocks.append(torch.bmm(scores.softmax(-1), v[:, :stop]))
    return torch.cat(blocks, 1).view(rows, heads, length, width).transpose(1, 2), None


def _no_mask(*_: Any, **__: Any) -> None:
    return None


AttentionInterface.register(NAME, blocked_attention)
AttentionMaskInterface.register(NAME, _no_mask)
