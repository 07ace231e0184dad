"""Which actions the rows of a turn tree try, and which rows are pruned: pure decisions, as in `tree` for tokens.

Every round all rows take a turn. A row samples one action for itself, and further ones as long as there are places;
each distinct text is tried in an environment of its own. A branch that has brought about the same as one that came from
the same state, after one or two turns, is pruned, and its place is free again. Rows that live or are over never are
more than k, and a round samples no more actions than there are places that no ended row has: at most k a turn.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from agentrl.agents.lookahead.options import TurnOptions
from agentrl.agents.lookahead.tree import Fate


@dataclass(slots=True, eq=False)
class Line:
    """One row: an episode, or what became of one."""

    number: int
    parent: Line | None
    born: int
    """Turns that it shares with its parent."""
    shown: list[Hashable] = field(default_factory=list)
    """What each of its turns brought about; those of its parent first."""
    fate: Fate = "live"


@dataclass(frozen=True, slots=True)
class Tried:
    """What an action brought about."""

    shown: Hashable
    over: bool


class TurnTree:
    """A tree of at most `width` rows."""

    def __init__(self, width: int, options: TurnOptions) -> None:
        self.width, self.options = width, options
        self.lines = [Line(0, None, 0)]
        """All that ever were, in the order of their births."""
        self.merged = 0
        """Actions whose text another one had."""

    @property
    def rows(self) -> list[Line]:
        """Those that were not pruned."""
        return [line for line in self.lines if line.fate != "pruned"]

    @property
    def live(self) -> list[Line]:
        """Rows that take another turn."""
        return [line for line in self.lines if line.fate == "live"]

    def draws(self) -> list[int]:
        """How many actions each live row samples: one, and free places dealt out row by row."""
        counts, room = [1] * len(self.live), self.width - len(self.rows)
        for _ in range(1, self.options.actions):
            dealt = min(room, len(counts))
            for i in range(dealt):
                counts[i] += 1
            room -= dealt
        return counts

    def choose(self, texts: Sequence[str]) -> list[int]:
        """Which of the actions that a row sampled are tried: every text once. The first is its own."""
        first = {text: number for number, text in reversed(list(enumerate(texts)))}
        self.merged += len(texts) - len(first)
        return sorted(first.values())

    def step(self, tried: Sequence[Sequence[Tried]]) -> list[list[Line]]:
        """Take note of what the chosen actions brought about, and prune.

        Args:
            tried: of each live row, its own action first.

        Returns:
            For each live row, the row that every action belongs to: itself, and those that are born.
        """
        owners = []
        for row, outcomes in zip(self.live, tried, strict=True):
            owners.append([row])
            for _ in outcomes[1:]:
                owners[-1].append(Line(len(self.lines), row, len(row.shown), [*row.shown]))
                self.lines.append(owners[-1][-1])
            for line, outcome in zip(owners[-1], outcomes, strict=True):
                line.shown.append(outcome.shown)
                line.fate = "over" if outcome.over else "live"
        for line in self.lines:  # parents before children
            if line.parent is not None and line.fate != "pruned" and self._is_redundant(line, line.parent):
                line.fate = "pruned"
        return owners

    def _is_redundant(self, line: Line, parent: Line) -> bool:
        if parent.fate == "pruned":
            return True
        if len(line.shown) - line.born != self.options.lookahead:
            return False
        siblings = [o for o in self.lines[: line.number] if (o.parent, o.born) == (parent, line.born)]
        others = [parent, *(o for o in siblings if o.fate != "pruned")]
        return any(len(o.shown) == len(line.shown) and o.shown[-1] == line.shown[-1] for o in others)
