"""The whole loss of a policy step: surrogate, importance weights, entropy, KL and critic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from agentrl.trainers.correction import Correction
from agentrl.trainers.data import Floats, Row
from agentrl.trainers.importance import IMPORTANCE_STATS, importance_metrics, importance_weights
from agentrl.trainers.loss_spec import LossSpec
from agentrl.trainers.losses import POLICY_STATS, VALUE_STATS, Stats, entropy_of, kl_loss, policy_loss, value_loss
from agentrl.trainers.micro_batch import MicroBatch


@dataclass(frozen=True, slots=True)
class Objective:
    """A loss with its correction; N is the number of trained action tokens of a micro-batch."""

    spec: LossSpec
    correction: Correction | None = None
    critic: bool = False

    def trains(self, row: Row) -> bool:
        """Whether a row can have a gradient."""
        return bool(row.mask.any() and (row.advantages.any() or not self.spec.policy_only or self.critic))

    def fields(self, rows: Sequence[Row], weights: Sequence[float]) -> dict[str, list[Floats]]:
        """Arrays (L,) per row that a call needs; `weights` are those of each token of each row.

        Raises:
            ValueError: some rows lack one.
        """
        fields = {
            "behaviour": [row.logprobs for row in rows],
            "advantages": [row.advantages for row in rows],
            "weights": [np.full(len(row), w, np.float32) for row, w in zip(rows, weights, strict=True)],
        }
        needed = ["reference"] if self.spec.reference_in_loss else []
        needed += ["returns", "values"] if self.critic else []
        if self.correction is not None and any(row.proximal is not None for row in rows):
            needed.append("proximal")
        for name in needed:
            arrays = [getattr(row, name) for row in rows]
            if missing := sum(array is None for array in arrays):
                raise ValueError(f"{missing} of {len(rows)} rows have no {name}")
            fields[name] = arrays
        return fields

    def __call__(self, distributions: Tensor, values: Tensor | None, micro: MicroBatch) -> tuple[Tensor, Stats]:
        """The loss of a micro-batch, and its statistics as sums over tokens.

        Args:
            distributions: (N, V) log-probs under the current policy.
            values: (N,) of the critic, where there is one.
            micro: with the fields that the parts of the loss need. Where a correction finds no field `proximal`, the
                current policy is the proximal one, as in the first step on a batch.
        """
        spec, f = self.spec, micro.fields
        logprobs = micro.chosen(distributions)
        old, weights, importance = f["behaviour"], f["weights"], torch.ones_like(f["weights"])
        stats: Stats = {}
        if self.correction is not None:
            old = f.get("proximal", logprobs.detach())
            importance, stats = importance_weights(old, f["behaviour"], micro.rows, self.correction)
            weights = weights * (importance > 0)  # a rejected row takes part in no term
        total, more = policy_loss(logprobs, old, f["advantages"], weights * importance, micro.rows, spec)
        entropy = entropy_of(distributions if spec.entropy_coef else distributions.detach())
        stats |= more | {"entropy": entropy.detach().sum()}
        if spec.entropy_coef:
            total = total - spec.entropy_coef * (weights * entropy).sum()
        if spec.reference_in_loss:
            term, more = kl_loss(logprobs, f["reference"], weights, spec.kl)
            total, stats = total + spec.kl_coef * term, stats | more
        if values is not None:
            term, more = value_loss(values, f["values"], f["returns"], weights, spec.value_clip)
            total, stats = total + spec.value_coef * term, stats | more
        return total, stats | {"loss": total.detach()}

    def stats(self) -> list[str]:
        """Names of the statistics that a call returns."""
        names = [*POLICY_STATS, "entropy", "loss"]
        names += IMPORTANCE_STATS if self.correction is not None else []
        names += ["kl"] if self.spec.reference_in_loss else []
        return names + list(VALUE_STATS if self.critic else [])

    def metrics(self, means: dict[str, float]) -> dict[str, float]:
        """What a step reports, from the means of its statistics."""
        metrics = dict(means)
        metrics["ratio_std"] = max(metrics.pop("ratio_square") - metrics["ratio"] ** 2, 0.0) ** 0.5
        return metrics if self.correction is None else importance_metrics(metrics)
