"""Named methods: each a credit, a loss and its paper's defaults."""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from agentrl.errors import ConfigError, UnknownNameError
from agentrl.trainers.credit import (
    ANCHORS,
    CM2,
    GAE,
    GRA,
    GRPO,
    IGPO,
    RLOO,
    BoPO,
    ChannelCredit,
    Credit,
    GiGPO,
    ReinforcePP,
    VeRPO,
)
from agentrl.trainers.loss_spec import LossSpec
from agentrl.trainers.rewards import Weights, check_channels, source_of, weights_at


@dataclass(frozen=True, slots=True)
class Method:
    """A named composition of rewards, credit and loss."""

    name: str
    paper: str
    """arXiv id."""
    summary: str
    credit: Credit
    loss: LossSpec
    rewards: Weights = field(default_factory=lambda: {"outcome": 1.0})
    lookahead: Literal["none", "token", "turn"] = "none"
    """Which trees its rollouts come from, unless the configuration says otherwise."""

    def weights(self, progress: float) -> dict[str, float]:
        """Weight of each reward channel at a point of training from 0 to 1."""
        return weights_at(self.rewards, progress)

    @property
    def made_from(self) -> set[str]:
        """Parts of a task's reference that the run makes rewards or credit from, e.g. `answer`."""
        return {*filter(None, map(source_of, self.rewards)), *self.credit.needs & {ANCHORS}}

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
            parts[part][name] = checked(name, value, get_type_hints(type(owner))[name])
        credit: Any = self.credit
        return dataclasses.replace(
            self,
            credit=dataclasses.replace(credit, **parts["credit"]),
            loss=dataclasses.replace(self.loss, **parts["loss"]),
        )

    def check(self, *, group_size: int, critic: bool) -> None:
        """Refuse parts that do not fit together, and combinations that cannot learn.

        Raises:
            ConfigError: the message gives the reason and the way out.
        """
        credit = type(self.credit).__name__
        for name in sorted(self.credit.needs - {"values", ANCHORS} - self.rewards.keys()):
            raise ConfigError(f"{credit} is made from the reward channel {name}; add it to rl.rewards")
        if isinstance(self.credit, ChannelCredit):
            self.credit.check_rewards(self.rewards)
            if self.needs_reference and self.loss.kl_in == "reward":
                raise ConfigError(f"{credit} reads single channels, and a KL penalty is in none; set kl_in = 'loss'")
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

    def check_tasks(self, channels: Iterable[str], reference: Container[str]) -> None:
        """Refuse rewards that the tasks cannot give; see `check_channels`.

        Raises:
            ConfigError, UnknownNameError: with the reason.
        """
        check_channels(self.rewards, channels, reference)


def checked(name: str, value: Any, kind: Any) -> Any:
    """`value`, if it is of the field's type as TOML writes it: an int will do for a float, a list for a tuple."""
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise UnknownNameError(f"value of {name}", str(value), map(str, get_args(kind)))
    try:
        return TypeAdapter(kind).validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"[{key!r}]" for key in first["loc"])
        raise ConfigError(f"{name}{where} = {first['input']!r}: {first['msg'].lower()}") from error


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
        Method(
            "igpo",
            "2510.14967",
            "information gain of each turn about the reference answer, and outcome, each standardised in the group",
            IGPO(),
            LossSpec(aggregation="sequence_mean", kl="k3", kl_coef=0.001),
            {"outcome": 1.0, "information_gain": 1.0},
        ),
        Method(
            "gra",
            "2508.10548",
            "rewards of steps count only in episodes whose outcome reaches a gate",
            GRA(),
            LossSpec(),
            {"outcome": 1.0, "invalid": -0.1},
        ),
        Method(
            "dra",
            "2508.10548",
            "the baseline of gra: rewards of steps always count",
            GRA(gated=False),
            LossSpec(),
            {"outcome": 1.0, "invalid": -0.1},
        ),
        Method(
            "verpo",
            "2601.03525",
            "tests weighed by how hard they are for the group, turn by turn, beside the outcome",
            VeRPO(),
            LossSpec(),
            {"outcome": 1.0, "test/*": 1.0},
        ),
        Method(
            "cm2",
            "2602.12268",
            "share of a checklist that the rollout satisfies, relative to the group",
            CM2(),
            LossSpec(kl="k3", kl_coef=0.001),
            {"checklist/*": 1.0},
        ),
        Method(
            "cm2_turn",
            "2602.12268",
            "cm2 with credit for each user turn",
            CM2(assignment="turn"),
            LossSpec(kl="k3", kl_coef=0.001),
            {"checklist/*": 1.0},
        ),
        Method(
            "cm2_step",
            "2602.12268",
            "cm2 with credit for each step",
            CM2(assignment="step"),
            LossSpec(kl="k3", kl_coef=0.001),
            {"checklist/*": 1.0},
        ),
        Method(
            "latr",
            "2510.24302",
            "GRPO whose rollouts branch where the policy wavers, and are pruned where they say the same",
            GRPO(),
            LossSpec(kl="k3", kl_coef=0.01),
            lookahead="token",
        ),
        Method(
            "arena",
            "2601.06487",
            "rank in a tournament of the group's rollouts, relative to the group; one importance ratio per rollout",
            GRPO(),
            LossSpec(ratio="sequence", clip_high=0.28, aggregation="sequence_mean"),
            {"arena": 1.0},
        ),
        Method(
            "bopo",
            "2602.21227",
            "a router's success, more for hard tasks, less its cost; relative to the group and to both boundaries",
            BoPO(),
            LossSpec(aggregation="sequence_mean", kl="k3", kl_coef=0.04),
            {"outcome": 1.0, "hard": 0.5, "cost": 0.4},
        ),
    )
}


def register_method(method: Method) -> None:
    """Make a method known by its name; `module:name` then imports the module that does so.

    Raises:
        ConfigError: another method has that name.
    """
    known = METHODS.get(method.name)
    if known is not None and known != method:
        raise ConfigError(f"there is a method {method.name} already ({known.summary}); choose another name")
    METHODS[method.name] = method


def _find(name: str) -> Method:
    """The method that is meant by a name, or by `module:name`, where importing the module registers it."""
    module, _, plain = name.rpartition(":")
    if module:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise ConfigError(f"method {name}: {error}") from error
    if plain not in METHODS:
        raise UnknownNameError("method", plain, METHODS)
    return METHODS[plain]


def get_method(
    name: str, changes: Mapping[str, Any] | None = None, *, credit: str = "", rewards: Weights | None = None
) -> Method:
    """The method of that name, with other parts.

    Args:
        name: see `METHODS`; `module:name` for one that a module registers.
        changes: to fields of its credit and loss.
        credit: the method whose credit it shall have, by such a name; "" for its own.
        rewards: the weights it shall have; None or nothing for its own.

    Raises:
        UnknownNameError: there is no such method or field; the message names the nearest.
        ConfigError: a value has the wrong type, fields contradict each other, or the module cannot be imported.
    """
    own = _find(name)
    method = dataclasses.replace(own, credit=_find(credit or name).credit, rewards=rewards or own.rewards)
    return method.with_fields(changes or {})
