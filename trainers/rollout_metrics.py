"""What the rollouts of a step say: success, lengths, and where the time of their turns went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agentrl.trainers.credit import Credited
from agentrl.types import Group


def rollout_metrics(
    groups: Sequence[Group], returns: Sequence[Sequence[float]], credited: Sequence[Credited]
) -> dict[str, float]:
    """Means over rollouts or turns, without those lost to infrastructure errors.

    `turn/queue`, `turn/engine` and `turn/environment` are mean seconds of a turn, `turn/p99` the 99th percentile of all
    three together.

    `rl/dead_groups` is the share of groups whose rollouts all earned the same, `rl/flat_groups` that of groups in which
    no token has an advantage: credit may ignore what was earned, and see what the sum hides.

    Args:
        returns: of each rollout of each group.
        credited: what credit made of each group.
    """
    paths = [(group, path) for group in groups for path in group.rollouts()]
    turns = [group.turns[i] for group, path in paths for i in path]
    dead = [max(r) - min(r) < 1e-6 for r in returns if r]
    flat = [
        max(abs(a).max(initial=0) for a in c.advantages) < 1e-6 for c, r in zip(credited, returns, strict=True) if r
    ]
    timing = {name: [t.timing.get(name, 0.0) for t in turns] for name in ("queue", "engine", "environment")}
    total = np.sum(list(timing.values()), axis=0)
    return {
        **{f"turn/{name}": _share(seconds) for name, seconds in timing.items()},
        "turn/p99": float(np.quantile(total, 0.99)) if turns else float("nan"),
        "rl/success": _share([g.turns[p[-1]].outcome.solved for g, p in paths]),
        "rl/reward": _share([x for r in returns for x in r]),
        "rl/dead_groups": _share(dead),
        "rl/flat_groups": _share(flat),
        "rl/turns": len(turns) / max(len(paths), 1),
        "rl/invalid_actions": _share([t.outcome.status == "invalid_action" for t in turns]),
        "rl/episodes": float(len(paths)),
        "rl/infra_errors": float(sum(len(g.leaves()) for g in groups) - len(paths)),
        "rl/generated_tokens": float(sum(len(t.action_ids) for t in turns)),
    }


def _share(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
