"""Forward passes of one model over what it has cached of many sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from agentrl.agents.copies import Share, lay_out
from agentrl.agents.ragged_cache import Append, RaggedCache, check_model
from agentrl.agents.sessions import Batch


class Passes:
    """A model, and a cache in which every session has a slot.

    Args:
        model: a causal language model on its device.
        max_context: longest context in tokens.

    Raises:
        ConfigError: the cache cannot hold this architecture's state.
    """

    cache: RaggedCache
    """Replaced by an empty one when the weights change."""

    def __init__(self, model: PreTrainedModel, max_context: int) -> None:
        check_model(model, max_context)
        self.model = model
        self.cache = RaggedCache()
        self.vocabulary = int(model.config.get_text_config().vocab_size)
        convolutions = "conv" in (getattr(model.config, "layer_types", None) or ())
        self.pads = int(model.config.conv_L_cache) - 1 if convolutions else 0
        """Inputs before its own that a convolution looks at; where there is one, only whole sessions can be kept."""
        self._max_context = max_context
        self._head: nn.Module = model.get_output_embeddings()

    def feed(self, batch: Batch, slots: int) -> Tensor:
        """Append to each session in the cache that many of its ids; returns the logits (R, V) after the last of them.

        Args:
            batch: a session that gets none is computed, too, and does not change.
            slots: of all sessions.
        """
        device = self.model.device
        width = max(count for _, count in batch)
        reach = width + max(held.cached for held, _ in batch)
        self.cache.reserve(slots, reach)
        rows, marks = [], []
        for row, (held, count) in enumerate(batch):
            if held.cached == 0:
                self.cache.clear_slot(held.slot)
            tail = held.ids[held.cached : held.cached + count]
            rows.append(tail + [0] * (width - count))
            if self.pads:
                marks += [(row, cut - 1, held) for cut in held.cuts if held.cached < cut <= held.cached + count]
        used, starts, counts = torch.tensor(
            [[held.slot for held, _ in batch], [held.cached for held, _ in batch], [count for _, count in batch]],
            device=device,
        )
        positions = starts[:, None] + torch.arange(width, device=device)
        contiguous = all(held.slot == i for i, (held, _) in enumerate(batch))
        at = torch.tensor([[row, mark - held.cached] for row, mark, held in marks], device=device)
        kept = (at[:, 0], at[:, 1]) if marks else None
        self.cache.plan = Append(used, contiguous, starts, counts, positions, reach, kept)
        with torch.inference_mode():
            visible = torch.arange(reach, device=device) <= positions[:, :, None]  # (R, T, reach)
            logits = self._cached(
                torch.arange(len(batch), device=device) if width > 1 else None,
                (counts - 1).clamp_(min=0),
                torch.tensor(rows, device=device),
                visible,
                positions,
            )
        for held, count in batch:
            held.cached += count
        for number, (_, mark, held) in enumerate(marks):
            held.marks[mark] = {layer: inputs[number] for layer, inputs in self.cache.marked.items()}
        return logits

    def score(self, shares: Sequence[Share], slots: int) -> list[float]:
        """Log-probs of each target after each of its cuts, one after another; what is cached stays as it is."""
        copies = lay_out(shares, self.pads, self.model.device)
        self.cache.reserve(slots, copies.append.reach)
        self.cache.plan = copies.append
        with torch.inference_mode():
            logits = self._cached(copies.rows, copies.columns, copies.ids, copies.visible, copies.positions)
            return _logprobs(logits, copies.targets)

    def score_plainly(self, ids: Sequence[int], first: int) -> list[float]:
        """Log-probs of the ids from `first` on, each given all before it; without the cache."""
        inputs = torch.tensor([ids], device=self.model.device)
        with torch.inference_mode():
            columns = torch.arange(first - 1, len(ids) - 1, device=self.model.device)
            logits = self._logits(torch.zeros_like(columns), columns, input_ids=inputs, use_cache=False)
            return _logprobs(logits, inputs[0, first:])

    def _cached(self, rows: Tensor | None, columns: Tensor, ids: Tensor, visible: Tensor, positions: Tensor) -> Tensor:
        """See `_logits`; ids and positions (R, T), and which keys of the cache each sees (R, T, reach)."""
        mask = torch.zeros(visible.shape, dtype=self.model.dtype, device=ids.device)
        return self._logits(
            rows,
            columns,
            input_ids=ids,
            attention_mask=mask.masked_fill_(~visible, -torch.inf)[:, None],
            position_ids=positions.clamp(max=self._max_context - 1),  # padding may lie beyond the last one
            past_key_values=self.cache,
            use_cache=True,
        )

    def _logits(self, rows: Tensor | None, columns: Tensor, **inputs: Any) -> Tensor:
        """(N, V) logits at the given (row, column) pairs, or of a single column if `rows` is None.

        The other positions are dropped before the output layer, whatever the model does around it.
        """
        if self.model.training:
            self.model.eval()
        if rows is None:
            logits: Tensor = self.model(**inputs).logits
            return logits[:, 0]
        hook = self._head.register_forward_pre_hook(lambda _, args: (args[0][rows, columns][:, None], *args[1:]))
        try:
            logits = self.model(**inputs).logits
        finally:
            hook.remove()
        return logits[:, 0]


def _logprobs(logits: Tensor, targets: Tensor) -> list[float]:
    found: list[float] = logits.float().log_softmax(-1).gather(1, targets[:, None])[:, 0].tolist()
    return found
