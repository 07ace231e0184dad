"""The slot that every credit assignment fills: rewards of whole groups in, one advantage per turn or token out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from agentrl.errors import ConfigError
from agentrl.trainers.rewards import Weights
from agentrl.types import Task, Turn

Array = npt.NDArray[np.float64]
Level = Literal["turn", "token"]
ANCHORS = "anchors"
"""In the reference of a task: the sum of each reward channel over each of some reference episodes. A credit that
compares with them needs them."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One path from root to leaf, as credit sees it: T turns, M action tokens."""

    task: Task
    turns: tuple[Turn, ...]
    """For what the scalar reward hides: channels, anchor states, outcomes."""
    rewards: Array
    """(T,) composed reward of each turn, KL penalty included."""
    token_rewards: Array
    """(M,) the same rewards along the action tokens: a turn's reward on its last token, KL penalties on each."""
    values: Array | None = None
    """(M,) the critic's value before each action token, where the credit needs `values`."""
    channels: Mapping[str, Array] = field(default_factory=dict)
    """(T,) what each channel of the run adds to `rewards`, weighted."""
    anchors: Array = field(default_factory=lambda: np.zeros(0))
    """Returns of the task's reference episodes, by the weights of the run."""


Batch = Sequence[Sequence[Rollout]]
"""Groups of rollouts of the same task."""


class Credit(Protocol):
    """A credit assignment. Stateless: the same batch gives the same advantages.

    Groups hold only rollouts to be judged (those lost to infrastructure errors are taken out before), and may be
    empty. Numbers are exact zeros where there is nothing to compare: equal rewards, a single rollout.
    """

    @property
    def needs(self) -> frozenset[str]:
        """What the run must provide: `values` of a critic, `anchors` of each task, or reward channels by name."""
        ...

    @property
    def level(self) -> Level:
        """Whether the arrays returned hold one number per turn (T,) or per action token (M,)."""
        ...

    @property
    def whiten(self) -> bool:
        """Whether advantages are afterwards shifted and scaled to mean 0, variance 1 over the batch's tokens."""
        ...

    @property
    def min_group(self) -> int:
        """Rollouts per task below which this credit has nothing to say."""
        ...

    def __call__(self, batch: Batch) -> list[list[Array]]:
        """One array for each rollout of each group."""
        ...


@runtime_checkable
class ChannelCredit(Credit, Protocol):
    """A credit that looks at channels one by one, not at their sum. A KL penalty in the reward does not reach it."""

    def check_rewards(self, rewards: Weights) -> None:
        """Refuse channels or weights that this credit cannot use.

        Raises:
            ConfigError: with the reason and the way out.
        """
        ...


def check_unit(**factors: float) -> None:
    """Refuse discounts and the like outside [0, 1].

    Raises:
        ConfigError: the message names the factor.
    """
    for name, value in factors.items():
        if not 0 <= value <= 1:
            raise ConfigError(f"{name} = {value} must lie in [0, 1]")


def returns_of(group: Sequence[Rollout]) -> Array:
    """(G,) undiscounted returns R_i = Σ_t r_{i,t}."""
    return np.array([rollout.rewards.sum() for rollout in group])


def broadcast(group: Sequence[Rollout], advantages: Array) -> list[Array]:
    """One advantage per rollout (G,) on each of its turns: [(T_1,), …, (T_G,)]."""
    return [np.full(len(rollout.turns), a) for rollout, a in zip(group, advantages, strict=True)]


def discounted(rewards: Array, gamma: float) -> Array:
    """(T,) returns to go, R_t = Σ_{k≥t} γ^(k−t) r_k."""
    returns = np.zeros(len(rewards))
    running = 0.0
    for t in range(len(rewards) - 1, -1, -1):
        running = returns[t] = rewards[t] + gamma * running
    return returns


def centred(x: Array, *, std: bool, sample: Array | None = None, eps: float = 1e-6) -> Array:
    """x − mean(S), divided by std(S) + eps where `std`; S is `sample`, by default x itself.

    The standard deviation is that of a sample (n − 1), as the released code of GRPO and GiGPO has it. Exactly 0 where
    all of S is equal, so that rounding cannot pass for a signal.
    """
    s = x if sample is None else sample
    if len(s) < 2 or np.ptp(s) == 0:
        return np.zeros(len(x))
    return np.asarray((x - s.mean()) / (s.std(ddof=1) + eps if std else 1.0))
