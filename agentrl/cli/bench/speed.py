"""Asynchronous against synchronous training, in an environment whose answers take very different times."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agentrl.config import Config
from agentrl.trainers.loop import train
from agentrl.trainers.runs import Run

SIGMA = 1.1
"""Of the log-normal time of a step: p99/p50 = exp(2.326 · 1.1) = 12.9."""


def measure(seeds: Sequence[int], staleness: int, steps: int, median_s: float, games: int) -> dict[str, Any]:
    """Carry out the run of `signs.toml` with `async.staleness` 0 and `staleness` in turns, all else being equal.

    `median_s` is to be so large that the run waits for the environment more than it computes, as agents in browsers
    and containers do: at 0.1 s, a synchronous step waits 2 to 5 s for the slowest of its 64 episodes and computes
    for less than one.

    Args:
        seeds: of the runs; each is trained both ways.
        staleness: η of the asynchronous runs; both kinds have room for all episodes that it admits.
        steps: of RL.
        median_s: of a step of the environment.
        games: of the test split, played before and after, at temperature 1.

    Returns:
        Of `sync` and `async`, one entry per seed: `seconds` of RL, and success `before` and `after`; `ratio` of the
        seconds, per seed; `latency` in seconds, as measured over the steps of all runs.
    """
    torch.set_num_threads(1)
    found: dict[str, dict[str, list[float]]] = {}
    waits: list[float] = []
    for seed in seeds:
        for kind, bound in (("sync", 0), ("async", staleness)):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "run")
                changes = {
                    "seed": seed,
                    "run.dir": f'"{path}"',
                    "run.checkpoint_every": steps,
                    "rl.steps": steps,
                    "env.kwargs": f"{{median_s = {median_s}, sigma = {SIGMA}}}",
                    "eval.test_games": games,
                    "engine.sessions": (staleness + 1) * 64,
                    "async.staleness": bound,
                }
                recipe = Path(__file__).with_name("signs.toml")
                summary = train(Config.load(recipe, [f"{key}={value}" for key, value in changes.items()]))
                run = Run.open(path)
                measured = {
                    "seconds": _seconds(run.metrics()),
                    "before": summary["success_before"],
                    "after": summary["success_after"],
                }
                waits += _waits(run)
            for name, value in measured.items():
                found.setdefault(kind, {}).setdefault(name, []).append(value)
    p50, p99 = np.percentile(waits, [50, 99]).tolist()
    return {
        "seeds": list(seeds),
        "staleness": staleness,
        "steps": steps,
        "games": games,
        "latency": {"median_s": median_s, "sigma": SIGMA, "p50": p50, "p99": p99, "p99/p50": p99 / p50},
        **found,
        "ratio": (np.array(found["sync"]["seconds"]) / found["async"]["seconds"]).tolist(),
    }


def _seconds(rows: Sequence[dict[str, Any]]) -> float:
    """From the first group's begin, after the first test, to the end of the last step."""
    begun = next(float(row["seconds"]) for row in rows if "test/success" in row)
    return max(float(row["seconds"]) for row in rows if "rl/success" in row) - begun


def _waits(run: Run) -> list[float]:
    """Seconds that the environment took in each turn but the first, which begins the episode, too."""
    return [
        turn.timing["environment"]
        for step in run.rollout_steps()
        for group, _ in run.rollouts(step)
        for turn in group.turns
        if turn.parent is not None
    ]
