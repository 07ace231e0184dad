"""One rollout while it is played: its turns, what failed on the way, and the file that keeps both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agentrl.errors import InfraError
from agentrl.types import Outcome, Task, Turn


@dataclass(frozen=True, slots=True)
class RolloutSpec:
    """What to play: `rollouts` episodes of one task. Together with the weights, `seed` determines them."""

    task: Task
    rollouts: int
    seed: int
    greedy_first: bool = False
    """Whether the first of them takes the most likely tokens."""
    lookahead: int = 0
    """How many of them, the first ones, come from a lookahead tree."""


class TurnLog(Protocol):
    """Where the turns of a group are kept while it is played; see `agentrl.agents.journal`."""

    @property
    def turns(self) -> list[list[Turn]]:
        """Of each rollout, the turns that were played before."""
        ...

    @property
    def rewarded(self) -> set[int]:
        """Rollouts that were played to their end, and whose turns have the rewards that are given only then."""
        ...

    @property
    def notes(self) -> Mapping[str, Any]:
        """What was noted before, by topic; see `Group.notes`."""
        ...

    def add(self, rollout: int, turn: Turn) -> None: ...
    def note(self, topic: str, value: Any) -> None: ...
    def reward(self, rollout: int, turns: list[Turn]) -> None: ...
    def restart(self, rollout: int) -> None: ...


class Rollout:
    """The turns of one episode, and for each failure a leaf beside the turn that came to pass.

    Args:
        index: among the rollouts of its group.
        log: holds the turns that were played before, and gets those that are played now.
    """

    def __init__(self, index: int, log: TurnLog | None) -> None:
        self.turns: list[Turn] = []
        self.rewarded = log is not None and index in log.rewarded
        self._index, self._log = index, log
        self._path: list[int] = []
        """Indices of the episode's own turns."""
        for turn in log.turns[index] if log is not None else ():
            self._keep(turn)

    @property
    def episode(self) -> list[Turn]:
        """Its turns so far."""
        return [self.turns[i] for i in self._path]

    @property
    def over(self) -> bool:
        """Whether it was played to its end."""
        return bool(self._path) and self.turns[self._path[-1]].outcome.done

    def add(self, turn: Turn) -> None:
        """A turn of the episode is complete."""
        if self._log is not None:
            self._log.add(self._index, turn)
        self._keep(turn)

    def reward(self) -> None:
        """The turns got the rewards that are given at the end."""
        self.rewarded = True
        if self._log is not None:
            self._log.reward(self._index, self.episode)

    def fail(self, error: InfraError) -> None:
        """An infrastructure failure came after the last turn: it has no action, and takes part in nothing."""
        self.turns.append(failed_turn(self.turns, self._path[-1] if self._path else None, str(error)))

    def restart(self) -> int:
        """Begin the episode anew; returns how many action tokens are lost."""
        lost = sum(len(turn.action_ids) for turn in self.episode)
        self._path.clear()
        if self._log is not None:
            self._log.restart(self._index)
        return lost

    def _keep(self, turn: Turn) -> None:
        turn.parent = self._path[-1] if self._path else None
        self._path.append(len(self.turns))
        self.turns.append(turn)


def failed_turn(turns: Sequence[Turn], parent: int | None, cause: str) -> Turn:
    """The leaf that an infrastructure failure leaves after one of the turns, or before the first."""
    return Turn(
        parent=parent,
        prompt_ids=(),
        action_ids=(),
        logprobs=(),
        versions=(),
        observation="" if parent is None else turns[parent].feedback,
        action="",
        rewards={},
        outcome=Outcome.infra_error(cause),
    )
