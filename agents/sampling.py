"""Draw one token per row from a batch of logits."""

from __future__ import annotations

import torch
from torch import Tensor


def sample(logits: Tensor, temperature: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """Inverse-CDF sampling, one uniform number per row: a row's draw does not depend on its neighbours.

    Args:
        logits: (R, V).
        temperature: (R,); 0 takes the most likely token.
        uniform: (R,) float64 in [0, 1).

    Returns:
        (R,) token ids and (R,) float32 natural log-probs under the distribution sampled from (at temperature 0: 1).
    """
    greedy = temperature == 0
    scaled = logits.float() / torch.where(greedy, 1.0, temperature)[:, None]
    logprobs = torch.log_softmax(scaled, dim=-1)
    cumulative = logprobs.exp().cumsum(-1, dtype=torch.float64)
    drawn = torch.searchsorted(cumulative, uniform[:, None] * cumulative[:, -1:], right=True)[:, 0]
    tokens = drawn.clamp_(max=logits.shape[1] - 1)
    if greedy.any():
        tokens = torch.where(greedy, logits.argmax(-1), tokens)
    return tokens, logprobs.gather(1, tokens[:, None])[:, 0]
