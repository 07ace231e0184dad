"""CM2: credit from the items of a checklist, judged step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from agentrl.errors import ConfigError
from agentrl.trainers.credit.base import Array, Batch, Level, Rollout, broadcast, centred
from agentrl.trainers.rewards import Weights
from agentrl.types import Task, Turn

CHECKLIST = "checklist/*"
"""The channels `checklist/<user turn>/<item id>`, user turns counted from 0. A step of the policy has one for each item
that was open when it began (the dependences satisfied, the item not yet): 1 if the step satisfied it, else 0."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Checklist:
    """The J items of a task over its L user turns, as credit needs them."""

    channels: Mapping[str, int]
    """Channel of each item, and its column."""
    weights: Array
    """(J,) weight in its user turn, where they sum to 1."""
    user_turns: npt.NDArray[np.int64]
    """(J,) user turn of each item."""
    length: int
    """L: user turns of the reference dialogue, whether or not a rollout reaches them."""

    @classmethod
    def of(cls, task: Task) -> Checklist:
        """Read `task.reference["checklist"]`: for each user turn a list of items with `id` and `weight`.

        Raises:
            ConfigError: the task has no checklist, or one with two items of the same name in a user turn.
        """
        turns: Sequence[Sequence[Mapping[str, Any]]] = task.reference.get("checklist", ())
        if not any(turns):
            raise ConfigError(f"task {task.task_id} has no checklist in its reference; cm2 credits the items of one")
        items = [(t, item) for t, turn in enumerate(turns) for item in turn]
        channels = {f"checklist/{t}/{item['id']}": column for column, (t, item) in enumerate(items)}
        if len(channels) < len(items):
            raise ConfigError(f"task {task.task_id} has two checklist items of the same id in one user turn")
        return cls(
            channels,
            np.array([float(item["weight"]) for _, item in items]),
            np.array([t for t, _ in items]),
            len(turns),
        )


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What one rollout of S steps did to the J items."""

    open: Bools
    """(S, J) E_{t,s}: the dependences were satisfied before the step and the item was not."""
    met: Bools
    """(S, J) r_{t,s,c}: the step satisfied it."""
    user_turn: npt.NDArray[np.int64]
    """(S,) user turn of each step. A step without open items belongs to that of the step before."""

    @classmethod
    def of(cls, rollout: Rollout, checklist: Checklist) -> Verdicts:
        """Read the channels of the steps.

        Raises:
            ConfigError: a channel belongs to no item of the checklist.
        """
        shape = len(rollout.turns), len(checklist.weights)
        opened, met, user_turn = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_), np.zeros(shape[0], np.int64)
        current = 0
        for s, step in enumerate(rollout.turns):
            for channel, value in step.rewards.items():
                if not channel.startswith("checklist/"):
                    continue
                if channel not in checklist.channels:
                    raise ConfigError(f"{channel} is no item of the checklist of task {rollout.task.task_id}")
                column = checklist.channels[channel]
                opened[s, column], met[s, column] = True, value > 0
                current = int(checklist.user_turns[column])
            user_turn[s] = current
        return cls(opened, met, user_turn)


def checklist_share(task: Task, turns: Sequence[Turn]) -> float:
    """R of the trajectory level: the share of its checklist that a rollout of the task satisfied, in [0, 1].

    Raises:
        ConfigError: the task has no checklist.
    """
    checklist = Checklist.of(task)
    items = [(channel, checklist.weights[column]) for channel, column in checklist.channels.items()]
    return float(sum(w * turn.rewards.get(channel, 0.0) for turn in turns for channel, w in items) / checklist.length)


@dataclass(frozen=True, slots=True)
class CM2:
    """Checklist rewards, arXiv 2602.12268, sections 3 to 5, with t user turns, s steps, c items, i rollouts.

    r_{t,s,c} = 1 where step s satisfies item c of user turn t, which was open: its dependences satisfied, itself not.

        trajectory:  R = 1/L Σ_t Σ_s Σ_c w_{t,c} r_{t,s,c}         A = (R − mean_i R) / F
        turn:        R_t = Σ_s Σ_c w_{t,c} r_{t,s,c}               A_t = (R_t − mean_i R_t) / F over the rollouts
                     that reached turn t; 0 where they are fewer than `min_turn_group`
        step:        r̃_{t,s,c} = 1 where c is open at s and satisfied at s or later
                     b_{t,c} = share of the G rollouts that ever satisfy c
                     A_{t,s} = Σ_c w_c (r̃_{t,s,c} − b_{t,c}) / F / Σ_c w_c over the items open at s; 0 where none is

    F = 1, or with `std` the standard deviation of what is compared (of the share b at step level) plus 1e-6.
    An episode that ends early has r = 0 for the user turns that it did not reach; L counts them.
    """

    needs: ClassVar[frozenset[str]] = frozenset({CHECKLIST})
    level: ClassVar[Level] = "turn"
    whiten: ClassVar[bool] = False

    assignment: Literal["trajectory", "turn", "step"] = "trajectory"
    std: bool = False
    min_turn_group: int = 5
    """Rollouts that must have reached a user turn for it to be compared; only at turn level."""

    @property
    def min_group(self) -> int:
        return self.min_turn_group if self.assignment == "turn" else 2

    def check_rewards(self, rewards: Weights) -> None:
        for name, weight in rewards.items():
            if name != CHECKLIST or weight != 1.0:
                raise ConfigError(
                    f"cm2 reads the items of the checklist and their own weights, so {name} = {weight} in rl.rewards"
                    f" has no effect; set rl.rewards = [{CHECKLIST!r}]"
                )

    def __call__(self, batch: Batch) -> list[list[Array]]:
        return [self._group(group) if group else [] for group in batch]

    def _group(self, group: Sequence[Rollout]) -> list[Array]:
        checklist = Checklist.of(group[0].task)
        verdicts = [Verdicts.of(rollout, checklist) for rollout in group]
        ever = np.array([v.met.any(axis=0) for v in verdicts], np.float64)  # (G, J)
        if self.assignment == "trajectory":
            return broadcast(group, centred(ever @ checklist.weights / checklist.length, std=self.std))
        if self.assignment == "turn":
            return self._turns(checklist, verdicts, ever)
        return self._steps(checklist, verdicts, ever)

    def _turns(self, checklist: Checklist, verdicts: Sequence[Verdicts], ever: Array) -> list[Array]:
        advantages = [np.zeros(len(v.user_turn)) for v in verdicts]
        for t in range(checklist.length):
            reached = [i for i, v in enumerate(verdicts) if (v.user_turn == t).any()]
            if len(reached) < self.min_turn_group:
                continue
            returns = ever[reached] @ np.where(checklist.user_turns == t, checklist.weights, 0.0)
            for i, a in zip(reached, centred(returns, std=self.std), strict=True):
                advantages[i][verdicts[i].user_turn == t] = a
        return advantages

    def _steps(self, checklist: Checklist, verdicts: Sequence[Verdicts], ever: Array) -> list[Array]:
        share = ever.mean(axis=0)
        scale = ever.std(axis=0, ddof=1) + 1e-6 if self.std and len(ever) > 1 else np.ones(len(share))
        advantages = []
        for v in verdicts:
            filled = np.logical_or.accumulate(v.met[::-1])[::-1]  # (S, J) satisfied at s or later
            weights = v.open * checklist.weights
            total = weights.sum(axis=1)
            relative = (weights * ((filled - share) / scale)).sum(axis=1)
            advantages.append(np.divide(relative, total, out=np.zeros(len(total)), where=total > 0))
        return advantages
