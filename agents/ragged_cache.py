"""The state of many sessions of different lengths, in the tensors of one batch.

A session owns a slot: one row of each layer's keys and values, of shape (slots, heads, capacity, head_dim), filled to
the session's own length, and one row of each short convolution's last inputs, (slots, channels, kernel - 1). A
forward pass appends up to T tokens to each of R rows, right-padded: keys go where each row's own text ends, padding
writes behind it what the next pass overwrites and no mask lets through. Rows that are the first R slots are read as
a view; only other selections are gathered.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, PreTrainedModel

from agentrl.errors import ConfigError

BLOCK = 128
"""The capacity is a multiple of so many tokens."""


@dataclass(frozen=True, slots=True)
class Append:
    """Which tokens a forward pass appends to which rows."""

    slots: Tensor
    """(R,) slot of each row."""
    contiguous: bool
    """Whether `slots` is 0 … R - 1."""
    starts: Tensor
    """(R,) tokens that each row already holds."""
    counts: Tensor
    """(R,) real tokens among its T; a row with 0 is computed and changes nothing."""
    positions: Tensor
    """(R, T) starts + 0 … T - 1."""
    reach: int
    """Keys to attend over: the largest start + T."""
    marks: tuple[Tensor, Tensor] | None = None
    """Rows and columns (M,) before which the last inputs of convolutions are put into `RaggedCache.marked`."""
    pasts: tuple[Tensor, Tensor, Mapping[int, Tensor]] | None = None
    """Rows (M,) and columns (M, kernel - 1) that are no tokens, and the inputs (M, kernel - 1, channels) that the
    convolution of each layer finds there: another history for the columns after them."""


class RaggedCache(Cache):
    """A `transformers` cache of which each forward pass uses the rows named in `plan`."""

    plan: Append

    def __init__(self) -> None:
        super().__init__(layers=[])
        self.marked: dict[int, Tensor] = {}
        """Of each short convolution, the (M, kernel - 1, channels) that `plan.marks` asked for."""
        self._keys: dict[int, Tensor] = {}
        self._values: dict[int, Tensor] = {}
        self._inputs: dict[int, Tensor] = {}
        self._slots = 0
        self._capacity = 0

    @torch.inference_mode()
    def reserve(self, slots: int, tokens: int) -> None:
        """Make room for `slots` rows of `tokens` tokens each; what is there stays."""
        if slots <= self._slots and tokens <= self._capacity:
            return
        if slots > self._slots:
            self._slots = max(slots, self._slots * 3 // 2)
        if tokens > self._capacity:
            self._capacity = -(-max(tokens, self._capacity * 3 // 2) // BLOCK) * BLOCK
        for store in (self._keys, self._values):
            for layer, old in store.items():
                store[layer] = old.new_zeros(self._slots, old.shape[1], self._capacity, old.shape[3])
                store[layer][: old.shape[0], :, : old.shape[2]] = old
        for layer, old in self._inputs.items():
            self._inputs[layer] = old.new_zeros(self._slots, *old.shape[1:])
            self._inputs[layer][: old.shape[0]] = old

    @torch.inference_mode()
    def copy(self, source: int, target: int, tokens: int) -> None:
        """Copy the first `tokens` tokens of one slot into another."""
        for store in (self._keys, self._values):
            for tensor in store.values():
                tensor[target, :, :tokens] = tensor[source, :, :tokens]
        for tensor in self._inputs.values():
            tensor[target] = tensor[source]

    @torch.inference_mode()
    def clear_slot(self, slot: int) -> None:
        """Forget the convolution inputs of a slot whose session starts anew (stale keys are masked anyway)."""
        for tensor in self._inputs.values():
            tensor[slot] = 0

    # -- what models call --------------------------------------------------------------------------------------

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Store new keys and values (R, heads, T, head_dim); returns those of the rows up to `plan.reach`."""
        return self._append(self._keys, layer_idx, key_states), self._append(self._values, layer_idx, value_states)

    def _append(self, store: dict[int, Tensor], layer: int, new: Tensor) -> Tensor:
        held = store.get(layer)
        if held is None:
            held = store[layer] = new.new_zeros(self._slots, new.shape[1], self._capacity, new.shape[3])
        plan = self.plan
        held[plan.slots[:, None], :, plan.positions] = new.transpose(1, 2)
        rows = held[: plan.slots.shape[0]] if plan.contiguous else held[plan.slots, :, : plan.reach]
        return rows[:, :, : plan.reach]

    def update_conv_state(
        self, conv_states: Tensor, layer_idx: int, state_idx: int = 0, conv_kernel_size: int = 0, **kwargs: Any
    ) -> Tensor:
        """Store new inputs (R, channels, T) of a short convolution; returns them after the last kernel - 1 inputs."""
        held = self._inputs.get(layer_idx)
        if held is None:
            held = self._inputs[layer_idx] = conv_states.new_zeros(
                self._slots, conv_states.shape[1], conv_kernel_size - 1
            )
        plan = self.plan
        if plan.pasts is not None:
            past_rows, past_columns, states = plan.pasts
            conv_states[past_rows[:, None], :, past_columns] = states[layer_idx]
        rows = slice(plan.slots.shape[0]) if plan.contiguous else plan.slots
        inputs = torch.cat([held[rows], conv_states], dim=-1)
        if plan.marks is not None:
            mark_rows, mark_columns = plan.marks
            window = mark_columns[:, None] + torch.arange(held.shape[-1], device=held.device)
            self.marked[layer_idx] = inputs[mark_rows[:, None], :, window]
        last = plan.counts[:, None] + torch.arange(held.shape[-1], device=held.device)  # (R, kernel - 1)
        held[rows] = inputs.gather(-1, last[:, None].expand(-1, inputs.shape[1], -1))
        return inputs

    def get_conv_state(self, layer_idx: int, state_idx: int = 0) -> Tensor | None:
        """None: the fused single-token update would not know which rows are idle."""
        return None

    def is_recording_past(self, layer_idx: int) -> bool:
        return True

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Nominal length; masks and positions are given explicitly."""
        return self.plan.reach - self.plan.positions.shape[1]


HELD = ("full_attention", "conv")


def check_model(model: PreTrainedModel, max_context: int) -> None:
    """Refuse architectures whose state a `RaggedCache` cannot hold.

    A sliding window that no context outgrows is full attention, and allowed.

    Raises:
        ConfigError: names the architecture and the layer type or the missing argument.
    """
    config, name = model.config, type(model).__name__
    types = set(getattr(config, "layer_types", None) or [])
    if not types:
        windowed = getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True)
        types = {"sliding_attention" if windowed else "full_attention"}
    if "sliding_attention" in types and max_context <= (getattr(config, "sliding_window", None) or 0):
        types.remove("sliding_attention")
    unknown = sorted(types.difference(HELD))
    if not unknown and getattr(model, "_is_stateful", False):
        unknown = ["recurrent state"]
    if unknown:
        raise ConfigError(
            f"the embedded engine cannot run {name} with a context of {max_context}: it has no cache for "
            f"{', '.join(unknown)} layers, only for {', '.join(HELD)}; set a context within the sliding window, "
            "choose another model, or serve this one with vLLM"
        )
    taken = inspect.signature(model.forward).parameters
    for argument in ("attention_mask", "position_ids", "past_key_values"):
        if argument not in taken:
            raise ConfigError(f"the embedded engine cannot run {name}: its forward takes no {argument}")
