"""What a loss is made of, as plain data that imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agentrl.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSpec:
    """The parts of a policy loss. `agentrl.trainers.losses` carries it out."""

    ratio: Literal["token", "sequence"] = "token"
    """π/π_old of each token, or the geometric mean over all trained tokens of the row (GSPO)."""
    clip_low: float = 0.2
    clip_high: float = 0.2
    """The ratio is clipped to [1 − clip_low, 1 + clip_high]."""
    aggregation: Literal["token_mean", "sequence_mean", "constant"] = "token_mean"
    """Every token weighs the same in the batch; or every rollout does; or rollouts are summed over a constant."""
    constant: int = 0
    """Tokens by which `constant` divides each rollout's sum: the most that a rollout can have."""
    kl: Literal["none", "k1", "k2", "k3"] = "none"
    """Estimator of the KL divergence from the reference model. k1 belongs in the reward: as a loss its gradient is
    ∇log π whatever the reference, 0 in expectation."""
    kl_in: Literal["loss", "reward"] = "loss"
    kl_coef: float = 0.0
    entropy_coef: float = 0.0
    """Weight of the entropy bonus."""
    value_coef: float = 0.5
    """Weight of the value loss, where there is a critic."""
    value_clip: float = 0.2
    """How far a value may move from its old one before the clipped loss stops it."""

    def __post_init__(self) -> None:
        if self.clip_low < 0 or self.clip_low > 1 or self.clip_high < 0:
            raise ConfigError(f"clip bounds {self.clip_low}, {self.clip_high}: 0 ≤ clip_low ≤ 1 and 0 ≤ clip_high")
        if self.kl != "none" and self.kl_coef <= 0:
            raise ConfigError(f"kl = {self.kl!r} has no effect with kl_coef = {self.kl_coef}; set kl_coef > 0")
        if self.kl == "none" and self.kl_coef != 0:
            raise ConfigError(f"kl_coef = {self.kl_coef} has no effect with kl = 'none'; choose k1, k2 or k3")
        if self.constant < 0:
            raise ConfigError(f"constant = {self.constant} must not be negative")

    def equations(self, *, critic: bool = False) -> list[str]:
        """The loss in mathematical notation, with the numbers of this spec: i rollouts, m their action tokens."""
        mean = {
            "token_mean": "1/Σ_i M_i Σ_i Σ_m",
            "sequence_mean": "1/N Σ_i 1/M_i Σ_m",
            "constant": f"1/N Σ_i 1/{self.constant or 'constant'} Σ_m",
        }[self.aggregation]
        inside = f"min(ρ A, clip(ρ, {1 - self.clip_low:g}, {1 + self.clip_high:g}) A)"
        lines = [f"ρ = {'π/π_old' if self.ratio == 'token' else 'exp(1/M_i Σ_m log π/π_old)'}"]
        if self.kl != "none":
            k = {"k1": "d", "k2": "d²/2", "k3": "exp(−d) − 1 + d"}[self.kl]
            lines.append(f"d = log π − log π_ref, {self.kl} = {k}")
            if self.kl_in == "reward":
                lines.append(f"r_m ← r_m − {self.kl_coef:g} {self.kl}")
            else:
                inside += f" − {self.kl_coef:g} {self.kl}"
        if self.entropy_coef:
            inside += f" + {self.entropy_coef:g} H(π)"
        if critic:
            clipped = f"clip(V, V_old − {self.value_clip:g}, V_old + {self.value_clip:g})"
            inside += f" − {self.value_coef:g}/2 max((V − R)², ({clipped} − R)²)"
        return [*lines, f"maximise {mean} [ {inside} ]"]

    @property
    def reference_in_loss(self) -> bool:
        """Whether the loss compares with a reference model."""
        return self.kl != "none" and self.kl_in == "loss"

    @property
    def policy_only(self) -> bool:
        """Whether a token with advantage 0 has no gradient."""
        return not self.reference_in_loss and self.entropy_coef == 0
