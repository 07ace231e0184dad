"""Importance weights of tokens that another policy sampled, and what they say about the batch.

N is the number of trained action tokens of a micro-batch. See `agentrl.trainers.correction` for the three policies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from agentrl.trainers.correction import Correction
from agentrl.trainers.losses import Stats

IMPORTANCE_STATS = (
    "importance",
    "importance_square",
    "importance_max",
    "importance_truncated",
    "importance_rejected",
    "importance_gap",
    "importance_gap_max",
)


@torch.no_grad()
def importance_weights(
    proximal: Tensor, behaviour: Tensor, rows: Tensor, correction: Correction
) -> tuple[Tensor, Stats]:
    """(N,) weights w without gradient, with d = log π_prox − log π_b of each token.

    token: w = min(exp d, cap). sequence: w = min(exp Σ d, cap) with the sum over the row; 0 for a whole row unless
    reject[0] ≤ exp(mean d) ≤ reject[1]. decoupled: w = exp d.

    A loss is Σ_n w_n ŵ_n ℓ_n with ŵ from `token_weights`, which counts rejected rows: dividing by the accepted ones
    alone would let the few that are left of a bad batch make a step of full size.

    Args:
        proximal: (N,) log π_prox.
        behaviour: (N,) log π_b.
        rows: (N,) row of each token; tokens of a row are never split over micro-batches.
    """
    d = proximal - behaviour
    zeros = d.new_zeros(int(rows.max()) + 1)
    count = zeros.index_add(0, rows, torch.ones_like(d))
    rejected = torch.zeros_like(rows, dtype=torch.bool)
    log_weight = d
    if correction.kind == "sequence":
        total = zeros.index_add(0, rows, d)
        low, high = (math.log(bound) for bound in correction.reject)
        mean = total / count.clamp(min=1)
        rejected = ((mean < low) | (mean > high))[rows]
        log_weight = total[rows]
    cap = math.inf if correction.kind == "decoupled" else correction.cap
    weights = log_weight.clamp(max=math.log(cap)).exp().masked_fill(rejected, 0)
    return weights, {
        "importance": weights.sum(),
        "importance_square": (weights**2).sum(),
        "importance_max": weights.max(),
        "importance_truncated": ((log_weight > math.log(cap)) & ~rejected).float().sum(),
        "importance_rejected": (rejected / count[rows]).sum(),
        "importance_gap": d.abs().sum(),
        "importance_gap_max": d.abs().max(),
    }


def importance_metrics(means: Mapping[str, float]) -> dict[str, float]:
    """What a step reports, from its means over tokens (`rows` and `action_tokens` are counts).

    `importance`, `importance_std`, `importance_max`: of the weights of tokens. `importance_truncated`: share of
    tokens. `importance_rejected`: share of rows. `importance_ess`: effective sample size (Σ w)² / (n Σ w²) of the n
    tokens. `importance_gap`, `importance_gap_max`: |log π_prox − log π_b|, in nats.
    """
    metrics = dict(means)
    mean, square = metrics["importance"], metrics.pop("importance_square")
    metrics["importance_std"] = math.sqrt(max(square - mean**2, 0.0))
    metrics["importance_ess"] = mean**2 / square if square else 0.0
    metrics["importance_rejected"] *= metrics["action_tokens"] / metrics["rows"]
    return metrics
