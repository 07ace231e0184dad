"""One forward pass worth of rows as tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from agentrl.trainers.data import pad


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """R rows padded on the right to length L, of which N tokens are targets; flat tensors go row by row."""

    ids: Tensor
    """(R, L)."""
    index: Tensor
    """(N,) flat position r·L + p of the token before each target: its hidden state predicts the target."""
    targets: Tensor
    """(N,) token ids."""
    rows: Tensor
    """(N,) row of each target."""
    fields: dict[str, Tensor]
    """(N,) each: advantages, weights, old log-probs …"""

    @classmethod
    def build(
        cls,
        ids: Sequence[np.ndarray],
        masks: Sequence[np.ndarray],
        fields: Mapping[str, Sequence[np.ndarray]],
        device: torch.device,
    ) -> Self:
        """Put rows together; the arrays of a row have its length, and `masks` tell its targets."""
        length = max(len(row) for row in ids)
        padded, mask = pad(ids, length), pad(masks, length)
        rows, columns = np.nonzero(mask)

        def tensor(array: Any) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        return cls(
            ids=tensor(padded),
            index=tensor(rows * length + columns - 1),
            targets=tensor(padded[rows, columns]),
            rows=tensor(rows),
            fields={name: tensor(pad(arrays, length)[rows, columns]) for name, arrays in fields.items()},
        )

    def chosen(self, distributions: Tensor) -> Tensor:
        """(N,) log-probs of the targets, from those of every token (N, V)."""
        return distributions.gather(-1, self.targets[:, None]).squeeze(-1)

    def __len__(self) -> int:
        return len(self.index)
