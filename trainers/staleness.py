"""How old the tokens of a batch are, and whether training sees episodes of the lengths that were played. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from agentrl.trainers.data import Row
from agentrl.types import Group, Turn


def staleness_metrics(rows: Sequence[Row], version: int) -> dict[str, float]:
    """Ages of the trained tokens in policy versions; nothing where there are none.

    `staleness/mean`, `staleness/max`, and the share of tokens of each age: `staleness/0`, `staleness/1` …

    Args:
        version: of the weights that are about to be trained.

    Raises:
        ValueError: a token is of a later version.
    """
    if not any(row.mask.any() for row in rows):
        return {}
    ages = np.concatenate([version - row.versions[row.mask] for row in rows])
    if ages.min() < 0:
        raise ValueError(f"version {version} is to be trained on tokens of version {version - ages.min()}")
    shares = np.bincount(ages) / len(ages)
    return {"staleness/mean": float(ages.mean()), "staleness/max": float(ages.max())} | {
        f"staleness/{age}": float(share) for age, share in enumerate(shares)
    }


def _nothing() -> dict[str, int]:
    return {"episodes": 0, "turns": 0, "tokens": 0}


@dataclass(slots=True)
class LengthMeter:
    """Lengths of episodes over a run, as played and as trained. Plain values: it can be a part of each checkpoint.

    Where long episodes are lost or come too late to be trained, the policy learns from the short ones alone, and the
    ratios fall below 1.
    """

    played: dict[str, int] = field(default_factory=_nothing)
    """Over all episodes that ended, those lost to infrastructure errors too: turns, and action tokens."""
    trained: dict[str, int] = field(default_factory=_nothing)
    """The same over those that were trained."""
    sampled: int = 0
    """Action tokens, those that forked episodes share counted once."""
    discarded: int = 0
    """Those among them that are never trained."""

    def count(self, groups: Sequence[Group], discarded: int = 0) -> None:
        """Take note of the groups of a step, and of sampled tokens that reached no group."""
        for group in groups:
            trained = group.rollouts()
            for path in trained:
                _count(self.trained, [group.turns[i] for i in path])
            for path in [*trained, *_lost(group)]:
                _count(self.played, [group.turns[i] for i in path])
            kept = {i for path in trained for i in path}
            self.sampled += sum(len(turn.action_ids) for turn in group.turns)
            self.discarded += sum(len(turn.action_ids) for i, turn in enumerate(group.turns) if i not in kept)
        self.sampled += discarded
        self.discarded += discarded

    def metrics(self) -> dict[str, float]:
        """`length/turns` and `length/tokens`: mean of the trained episodes over that of the played ones, 1 without
        bias. `length/discarded`: share of sampled tokens. What is not known yet is left out.
        """
        metrics = {"length/discarded": self.discarded / self.sampled} if self.sampled else {}
        for name in ("turns", "tokens"):
            if self.trained["episodes"] and self.played[name]:
                trained = self.trained[name] / self.trained["episodes"]
                metrics[f"length/{name}"] = trained / (self.played[name] / self.played["episodes"])
        return metrics


def _lost(group: Group) -> list[list[int]]:
    """Paths to the end of rollouts that no attempt completed; a failure that was made good is none."""
    good = {i for path in group.rollouts() for i in path}
    failed = {
        group.turns[leaf].parent: leaf for leaf in group.leaves() if group.turns[leaf].outcome.status == "infra_error"
    }
    return [group.path(leaf) for parent, leaf in failed.items() if parent is not None and parent not in good]


def _count(totals: dict[str, int], turns: Sequence[Turn]) -> None:
    totals["episodes"] += 1
    totals["turns"] += len(turns)
    totals["tokens"] += sum(len(turn.action_ids) for turn in turns)
