"""How a loss makes up for rollouts of another policy, as plain data that imports no torch.

Three policies take part. The behaviour policy π_b sampled the tokens: older versions of the weights, with the engine's
arithmetic. The proximal policy π_prox is the trainer's before the first optimiser step on the batch. The current
policy π is being changed. A corrected loss clips π/π_prox, as its method says, and weighs each token with
π_prox/π_b; an uncorrected one clips π/π_b.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from agentrl.config import AsyncConfig

AGREEMENT = 5e-3
"""Mean |log π_engine − log π_trainer|, in nats, up to which synchronous rollouts need no correction: it would weigh
tokens within about 1 % of 1, far inside the clip range of 20 %, with an effective sample size above 99.9 %. Small
models measured 2e-7 with a float32 trainer and 1e-5 to 4e-3 with a bfloat16 one, beside a float32 engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Which importance weights w go into a policy loss. `agentrl.trainers.importance` computes them."""

    kind: Literal["token", "sequence", "decoupled"] = "token"
    """`token`: w = min(π_prox/π_b, cap) of each token, truncated importance sampling. `sequence`: w = min(∏ π_prox/π_b
    over the row's trained tokens, cap), the same for all of them. `decoupled`: w = π_prox/π_b of each token, the loss
    of decoupled PPO (arXiv 2505.24298)."""
    cap: float = 2.0
    """Where `token` and `sequence` truncate."""
    reject: tuple[float, float] = (0.8, 1.25)
    """`sequence` leaves out rows whose geometric mean of π_prox/π_b is not within."""

    @classmethod
    def resolve(cls, config: AsyncConfig, gap: float | None) -> Self | None:
        """What a configuration asks for; None is no correction.

        Args:
            gap: mean |log π_engine − log π_trainer| of tokens that the present weights sampled, in nats, as
                `check_gate` measures it; None where it is not known, which counts as disagreement.
        """
        kind = config.importance
        if kind == "auto":
            kind = "none" if config.staleness == 0 and gap is not None and gap <= AGREEMENT else "token"
        return None if kind == "none" else cls(kind=kind, cap=config.importance_cap, reject=config.reject)
