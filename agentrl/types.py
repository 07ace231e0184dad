"""The words everybody speaks.

    Task ─► Env ⇄ Agent loop ⇄ Engine ─► Turn tree of a Group ─► rewards ─► credit ─► batch ─► loss

Everything here is plain data: no torch, no I/O, cheap to import, picklable. Shapes use A = action tokens of a turn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["running", "terminated", "truncated", "invalid_action", "infra_error"]
FinishReason = Literal["stop", "length", "abort"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a turn led to. Build it with the constructors below, never by hand.

    `running` and `invalid_action` leave the episode going; the other three end it. An `infra_error` is no judgement
    of the policy: it takes part in no statistic and no loss.
    """

    status: Status
    success: bool | None = None
    """Only for `terminated`: whether the task was solved."""
    reason: str = ""
    """Why: the limit of a truncation, the complaint about an invalid action, the cause of an infrastructure error."""

    @classmethod
    def running(cls) -> Outcome:
        return _RUNNING

    @classmethod
    def terminated(cls, *, success: bool) -> Outcome:
        return cls("terminated", success=success)

    @classmethod
    def truncated(cls, reason: str) -> Outcome:
        return cls("truncated", reason=reason)

    @classmethod
    def invalid_action(cls, reason: str = "") -> Outcome:
        return cls("invalid_action", reason=reason)

    @classmethod
    def infra_error(cls, cause: str) -> Outcome:
        return cls("infra_error", reason=cause)

    @property
    def done(self) -> bool:
        """Whether the episode ended with this turn."""
        return self.status in ("terminated", "truncated", "infra_error")

    @property
    def solved(self) -> bool:
        return self.status == "terminated" and bool(self.success)


_RUNNING = Outcome("running")


@dataclass(frozen=True, slots=True)
class Task:
    """One problem: which environment, which of its tasks, and what is known of the answer."""

    env_id: str
    """A Gymnasium id, e.g. `ALFWorld-v0`."""
    task_id: str
    """What `reset(options={"task": task_id})` takes: split and index, or a path."""
    seed: int = 0
    reference: Mapping[str, Any] = field(default_factory=dict)
    """Known parts of the answer (reference text, checklist, goal state); empty where there are none."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What the environment shows after an action."""

    text: str
    images: tuple[bytes, ...] = ()
    """PNG bytes."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Structured parts: `admissible_commands`, an accessibility tree …"""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How to sample one turn."""

    temperature: float = 1.0
    """0 is greedy. Log-probs are those of the distribution that was sampled from (at temperature 0: that of 1)."""
    max_tokens: int = 64
    stop_token_ids: tuple[int, ...] = ()
    """Sampling ends after one of these; the stop token belongs to the completion."""
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What an engine sampled. All four sequences have length A; the trainer uses them as they are."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Natural log of the probability under the sampling distribution."""
    versions: tuple[int, ...]
    """Policy version that produced each token."""
    finish_reason: FinishReason
    queue_s: float = 0.0
    """Seconds that the request waited in the engine before anything was computed for it."""


@dataclass(slots=True)
class Turn:
    """One policy action and what came of it: a node of the turn tree.

    The context of the action is the concatenation of `prompt_ids + action_ids` of all ancestors, then `prompt_ids`.
    """

    parent: int | None
    """Index of the parent turn in the group; None at the root."""
    prompt_ids: Sequence[int]
    """Tokens appended since the parent's action: end of its turn, observation, header of this action."""
    action_ids: Sequence[int]
    """(A,) what the policy sampled, exactly."""
    logprobs: Sequence[float]
    """(A,) behaviour log-probs."""
    versions: Sequence[int]
    """(A,) policy version of each token."""
    observation: str
    """The text the policy saw before acting; equal texts in a group are GiGPO's anchor states."""
    action: str
    """The text given to the environment."""
    rewards: dict[str, float]
    """Named channels, for this turn only."""
    outcome: Outcome
    feedback: str = ""
    """The text that the action brought: the next turn's observation, or the last words of the episode."""
    finish_reason: FinishReason = "stop"
    cost: dict[str, float] = field(default_factory=dict)
    """`prompt_tokens`, `cached_tokens` (that part of them which the episode had before) and `completion_tokens` of the
    policy. Where somebody else acted for it (`actor`): `executor_prompt_tokens`, `executor_completion_tokens`,
    `executor_seconds`. `money`, in dollars, is the price of all of them, as far as they have one."""
    seconds: float = 0.0
    """Wall time of generation and environment step."""
    timing: dict[str, float] = field(default_factory=dict)
    """Where `seconds` went: `queue` (waiting for a place, or for weights), `engine`, `environment`; in seconds.
    Beside it `monitor`: what a judge took after the turn."""
    state_hash: str = ""
    """Of what the environment showed after the action: a replay must show the same."""
    scored_version: int | None = None
    """Policy version whose belief gave the turn its `information_gain`; None where it has none."""
    actor: str = ""
    """Who acted in the environment, where the policy only said who shall; "" where it acted itself."""
    images: Sequence[bytes] = ()
    """PNG files that came with `observation`."""
    last_images: Sequence[bytes] = ()
    """Those that came with `feedback`, where no turn follows whose `images` they would be."""


@dataclass(slots=True)
class Group:
    """All rollouts of one task, as a tree of turns.

    Sampling as in GRPO branches only at the (virtual) root: every rollout is a chain of its own. Forked, retried and
    searched rollouts branch deeper and share their prefix, which is stored, and trained, once.
    """

    task: Task
    turns: list[Turn] = field(default_factory=list)
    number: int | None = None
    """Place in the plan of the run; None outside of one."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What shall be known of how the group was made or judged, by topic; JSON values, kept beside the turns."""

    def add(self, turn: Turn) -> int:
        """Append a turn whose parent is already here; returns its index."""
        if turn.parent is not None and not 0 <= turn.parent < len(self.turns):
            raise ValueError(f"parent {turn.parent} is not among the {len(self.turns)} turns of the group")
        self.turns.append(turn)
        return len(self.turns) - 1

    def leaves(self) -> list[int]:
        """Indices of the turns without children, in order of creation: one per rollout."""
        inner = {t.parent for t in self.turns}
        return [i for i in range(len(self.turns)) if i not in inner]

    def path(self, leaf: int) -> list[int]:
        """Indices from the root to `leaf`."""
        indices, node = [], leaf
        while True:
            indices.append(node)
            parent = self.turns[node].parent
            if parent is None:
                return indices[::-1]
            node = parent

    def rollouts(self, *, with_infra_errors: bool = False) -> list[list[int]]:
        """Paths root → leaf. Those that ended in an infrastructure error are left out unless asked for."""
        paths = [self.path(leaf) for leaf in self.leaves()]
        return [p for p in paths if with_infra_errors or self.turns[p[-1]].outcome.status != "infra_error"]

    def graft(self, other: Group) -> None:
        """Append the whole tree of `other` (the same task) beside the rollouts already here."""
        shift = len(self.turns)
        for turn in other.turns:
            parent = None if turn.parent is None else turn.parent + shift
            self.turns.append(dataclasses.replace(turn, parent=parent))

    def channels(self) -> Iterator[str]:
        """Names of all reward channels that occur, sorted."""
        return iter(sorted({name for t in self.turns for name in t.rewards}))


def total(turns: Sequence[Turn], channel: str) -> float:
    """Sum of one reward channel along a rollout; a missing channel counts 0."""
    return float(sum(t.rewards.get(channel, 0.0) for t in turns))
