"""Named methods: each a credit, a loss and its paper's defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from agentrl.errors import ConfigError, UnknownNameError
from agentrl.trainers.credit import GAE, GRPO, RLOO, Credit, GiGPO, ReinforcePP
from agentrl.trainers.loss_spec import LossSpec


@dataclass(frozen=True, slots=True)
class Method:
    """A named composition of credit and loss."""

    name: str
    paper: str
    """arXiv id."""
    summary: str
    credit: Credit
    loss: LossSpec

    @property
    def needs_critic(self) -> bool:
        return "values" in self.credit.needs

    @property
    def needs_reference(self) -> bool:
        return self.loss.kl != "none"

    def fields(self) -> dict[str, Any]:
        """Everything that `with_fields` can change, with its present value."""
        credit: Any = self.credit
        return dataclasses.asdict(credit) | dataclasses.asdict(self.loss)

    def with_fields(self, changes: Mapping[str, Any]) -> Method:
        """The method with some fields of its credit or loss changed, e.g. `{"clip_high": 0.28, "std": False}`.

        Raises:
            UnknownNameError: neither credit nor loss has such a field.
            ConfigError: the value has the wrong type, or the fields contradict each other.
        """
        parts: dict[str, dict[str, Any]] = {"credit": {}, "loss": {}}
        known = self.fields()
        for name, value in changes.items():
            if name not in known:
                raise UnknownNameError(f"field of method {self.name}", name, known)
            part = "loss" if name in LossSpec.__dataclass_fields__ else "credit"
            owner: Any = self.loss if part == "loss" else self.credit
            parts[part][name] = _checked(name, value, get_type_hints(type(owner))[name])
        credit: Any = self.credit
        return dataclasses.replace(
            self,
            credit=dataclasses.replace(credit, **parts["credit"]),
            loss=dataclasses.replace(self.loss, **parts["loss"]),
        )

    def check(self, *, group_size: int, critic: bool) -> None:
        """Refuse combinations that cannot learn.

        Raises:
            ConfigError: the message gives the reason and the way out.
        """
        if self.needs_critic and not critic:
            raise ConfigError(f"{self.name} estimates advantages with a critic, and there is none; set critic")
        if critic and not self.needs_critic:
            raise ConfigError(f"{self.name} does not use a critic's values; set critic = 'none', or choose ppo")
        if group_size < self.credit.min_group:
            raise ConfigError(
                f"{self.name} compares rollouts of the same task: group_size = {group_size} gives every one the"
                f" advantage 0; set it to at least {self.credit.min_group}"
            )
        if self.loss.aggregation == "constant" and self.loss.constant <= 0:
            raise ConfigError(f"{self.name}: set constant to the most action tokens that a rollout can have")


def _checked(name: str, value: Any, kind: Any) -> Any:
    """`value`, if it is of the field's type; an int will do for a float."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UnknownNameError(f"value of {name}", str(value), get_args(kind))
        return value
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ConfigError(f"{name} = {value!r}: expected {kind.__name__}")
    return value


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "ppo",
            "2510.01132",
            "critic, GAE along the action tokens of the episode, KL in the reward",
            GAE(gamma=1.0, lam=1.0),
            LossSpec(kl="k1", kl_in="reward", kl_coef=0.01),
        ),
        Method(
            "grpo",
            "2402.03300",
            "return relative to the group, in standard deviations",
            GRPO(),
            LossSpec(aggregation="sequence_mean", kl="k3", kl_coef=0.04),
        ),
        Method(
            "dr_grpo",
            "2503.20783",
            "GRPO without its biases: no standard deviation, constant normalisation",
            GRPO(std=False),
            LossSpec(aggregation="constant"),
        ),
        Method(
            "dapo",
            "2503.14476",
            "GRPO with a higher upper clip bound, all tokens equal, no KL",
            GRPO(),
            LossSpec(clip_high=0.28),
        ),
        Method(
            "gspo",
            "2507.18071",
            "GRPO with one importance ratio per rollout",
            GRPO(),
            LossSpec(ratio="sequence", clip_low=3e-4, clip_high=4e-4, aggregation="sequence_mean"),
        ),
        Method(
            "rloo",
            "2402.14740",
            "return minus the mean of the other rollouts; KL in the reward",
            RLOO(),
            LossSpec(kl="k1", kl_in="reward", kl_coef=0.001),
        ),
        Method(
            "reinforce_pp",
            "2501.03262",
            "return to go, whitened over the batch; KL in the reward",
            ReinforcePP(),
            LossSpec(kl="k1", kl_in="reward", kl_coef=0.01),
        ),
        Method(
            "reinforce_pp_baseline",
            "2501.03262",
            "return minus the group's mean, whitened over the batch; KL in the loss",
            ReinforcePP(baseline=True),
            LossSpec(kl="k2", kl_coef=0.01),
        ),
        Method(
            "gigpo",
            "2505.10978",
            "episode advantage in the group plus step advantage among equal states",
            GiGPO(),
            LossSpec(kl="k3", kl_coef=0.01),
        ),
    )
}


def get_method(name: str, changes: Mapping[str, Any] | None = None) -> Method:
    """The method of that name, with `changes` to its fields.

    Raises:
        UnknownNameError: there is no such method or field; the message names the nearest.
        ConfigError: a value has the wrong type, or fields contradict each other.
    """
    if name not in METHODS:
        raise UnknownNameError("method", name, METHODS)
    return METHODS[name].with_fields(changes or {})
