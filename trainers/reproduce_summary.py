"""What the runs of a reproduction come to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from agentrl.trainers.reproduction import Panel
from agentrl.trainers.runs import Run

_ENDS = 0.2
"""Share of the RL steps that are its beginning, or its end."""


def summary(panel: Panel, runs: Sequence[Run]) -> dict[str, Any]:
    """Of the runs of an arm, one for each seed.

    Returns:
        `before` and `after` (the metric of each), `mean` and `spread` (standard deviation over seeds) of what is after,
        `curve` ([generated tokens, validation metric] pairs of each), `wall_s` of each; for each of `also` its mean
        over seeds, at the beginning and at the end, None where no run has it; and `steps`, those that each took to the
        target, None for never.
    """
    tests = [[row for row in run.metrics() if panel.metric in row] for run in runs]
    after = [rows[-1][panel.metric] for rows in tests]
    return {
        "before": [rows[0][panel.metric] for rows in tests],
        "after": after,
        "mean": float(np.mean(after)),
        "spread": float(np.std(after, ddof=1)) if len(after) > 1 else 0.0,
        "curve": [[(tokens, value) for _, tokens, value in _validated(panel, run)] for run in runs],
        "wall_s": [seconds(run) for run in runs],
        "also": {name: _mean_change(runs, name) for name in panel.also},
        "steps": [_steps(panel, run) for run in runs],
    }


def seconds(run: Run) -> float:
    """How long it took."""
    return float(run.metrics()[-1]["seconds"])


def _validated(panel: Panel, run: Run) -> list[tuple[int, float, float]]:
    """At each validation: RL steps and action tokens generated in RL so far, and the metric there."""
    metric = panel.metric.replace("test/", "valid/")
    points, steps, tokens = [], 0, 0.0
    for row in run.metrics():
        steps += "rl/generated_tokens" in row
        tokens += row.get("rl/generated_tokens", 0.0)
        if metric in row:
            points.append((steps, tokens, row[metric]))
    return points


def _steps(panel: Panel, run: Run) -> int | None:
    if panel.target is None:
        return None
    return next((steps for steps, _, value in _validated(panel, run) if value >= panel.target), None)


def _mean_change(runs: Sequence[Run], name: str) -> list[float] | None:
    changes = [change for run in runs if (change := _change(run, name))]
    return [float(x) for x in np.mean(changes, axis=0)] if changes else None


def _change(run: Run, name: str) -> tuple[float, float] | None:
    """A metric of the test split before and after RL; of any other its mean over the first and the last steps."""
    values = [row[name] for row in run.metrics() if row.get(name) is not None]
    some = 1 if name.startswith("test/") else math.ceil(_ENDS * len(values))
    return (float(np.mean(values[:some])), float(np.mean(values[-some:]))) if values else None
