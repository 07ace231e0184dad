"""Policy, value and KL losses over flat action tokens.

N is the number of trained action tokens of a micro-batch, R its number of rows. Every loss is Σ_n w_n ℓ_n with
weights computed beforehand for the whole optimisation step (`token_weights`), so that splitting a step into
micro-batches and processes changes nothing but the order of a sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agentrl.errors import ConfigError
from agentrl.trainers.loss_spec import LossSpec

Stats = dict[str, Tensor]
"""Sums over tokens, to be divided by their number when all micro-batches are in."""

POLICY_STATS = ("clip_fraction_low", "clip_fraction_high", "approx_kl", "ratio", "ratio_square", "logprob_gap")
"""All against the policy `old` of `policy_loss`."""
VALUE_STATS = ("value_loss", "value_clip_fraction", "value")


def token_weights(counts: Sequence[int], spec: LossSpec) -> npt.NDArray[np.float64]:
    """(rows,) weight w of each trained token of each row of a whole step; `counts` are trained tokens per row.

    token_mean: 1 / Σ counts. sequence_mean: 1 / (rows · count), the form of GRPO's equation 3. constant:
    1 / (rows · constant), Dr. GRPO, arXiv 2503.20783, listing 1. Rows without trained tokens do not count.
    """
    n = np.asarray(counts, np.float64)
    rows = max(int(np.count_nonzero(n)), 1)
    if spec.aggregation == "token_mean":
        return np.full(len(n), 1 / max(n.sum(), 1.0))
    if spec.aggregation == "sequence_mean":
        return np.asarray(1 / (rows * np.maximum(n, 1)))
    if spec.constant <= 0:
        raise ConfigError("aggregation = 'constant' needs constant: the most action tokens that a rollout can have")
    return np.full(len(n), 1 / (rows * spec.constant))


def policy_loss(
    logprobs: Tensor, old: Tensor, advantages: Tensor, weights: Tensor, rows: Tensor, spec: LossSpec
) -> tuple[Tensor, Stats]:
    """Clipped surrogate −Σ w min(ρ A, clip(ρ, 1 − ε_low, 1 + ε_high) A); arXiv 1707.06347, equation 7.

    `ratio = "token"`: ρ = π/π_old of each token; separate bounds are DAPO's clip-higher, arXiv 2503.14476, eq. 8.
    `ratio = "sequence"`: ρ = exp(mean over the row of log π − log π_old), arXiv 2507.18071, equation 7, with the
    gradient of its token form (equation 14), which allows advantages that differ along the row.

    Args:
        logprobs: (N,) under the current policy; the only argument with a gradient.
        old: (N,) log-probs of the policy that the ratio compares with: behaviour, or proximal (`correction.py`).
        advantages: (N,).
        weights: (N,) from `token_weights`, times importance weights where there is a correction.
        rows: (N,) row of each token; tokens of a row are never split over micro-batches.
    """
    log_ratio = logprobs - old
    if spec.ratio == "sequence":
        zeros = old.new_zeros(int(rows.max()) + 1)
        count = zeros.index_add(0, rows, torch.ones_like(old))
        mean = zeros.index_add(0, rows, log_ratio.detach()) / count.clamp(min=1)
        log_ratio = mean[rows] + logprobs - logprobs.detach()
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1 - spec.clip_low, 1 + spec.clip_high)
    loss = -torch.minimum(ratio * advantages, clipped * advantages)
    with torch.no_grad():
        gap = logprobs - old
        low = (ratio < 1 - spec.clip_low) & (advantages < 0)
        high = (ratio > 1 + spec.clip_high) & (advantages > 0)
        stats = {
            "clip_fraction_low": low.float().sum(),
            "clip_fraction_high": high.float().sum(),
            "approx_kl": (torch.expm1(gap) - gap).sum(),  # k3 of KL(π_old ‖ π): samples are from π_old
            "ratio": ratio.sum(),
            "ratio_square": (ratio**2).sum(),
            "logprob_gap": gap.abs().sum(),
        }
    return (weights * loss).sum(), stats


def kl_loss(logprobs: Tensor, reference: Tensor, weights: Tensor, kind: str) -> tuple[Tensor, Stats]:
    """Σ w k(π, π_ref), with the estimators of `rewards.kl_estimate`; all tensors (N,)."""
    d = logprobs - reference
    kl = {"k1": lambda: d, "k2": lambda: d**2 / 2, "k3": lambda: torch.expm1(-d) + d}[kind]()
    return (weights * kl).sum(), {"kl": kl.detach().sum()}


def value_loss(values: Tensor, old: Tensor, returns: Tensor, weights: Tensor, clip: float) -> tuple[Tensor, Stats]:
    """½ Σ w max((V − R)², (clip(V, V_old ± clip) − R)²); all tensors (N,)."""
    clipped = old + (values - old).clamp(-clip, clip)
    loss = torch.maximum((values - returns) ** 2, (clipped - returns) ** 2) / 2
    with torch.no_grad():
        stats = {
            "value_loss": loss.detach().sum(),
            "value_clip_fraction": ((values - old).abs() > clip).float().sum(),
            "value": values.detach().sum(),
        }
    return (weights * loss).sum(), stats


def entropy_of(distributions: Tensor) -> Tensor:
    """(N,) H = −Σ p log p in nats, from log-probs (N, V); impossible tokens need a finite log-prob."""
    return -(distributions.exp() * distributions).sum(-1)
