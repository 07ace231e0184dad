"""The configuration of runs that take about a second, in an environment that is learned as fast."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from agentrl.config import Config
from agentrl.trainers.runs import Run
from tests.trainers.signs import SIGNS

ROOT = Path(__file__).parents[2]
"""Has to be on the module path of further processes, which import this file by name."""

torch.set_num_threads(1)

SMALL: dict[str, Any] = {
    "env": {"id": SIGNS, "valid_split": "valid", "test_split": "test", "max_turns": 5},
    "model": {"hidden_size": 32, "intermediate_size": 32, "layers": 2, "heads": 2, "vocab_size": 300},
    "warm_start": {
        "demonstrations": 20,
        "mistakes": 0.0,
        "steps": 30,
        "batch_tokens": 400,
        "optim": {"lr": 1e-2, "muon_lr": 0.05, "warmup_steps": 2},
    },
    "rl": {"steps": 2, "tasks_per_step": 4, "group_size": 4, "optim": {"lr": 1e-2, "muon_lr": 0.02}},
    "eval": {"every": 2, "valid_games": 4, "test_games": 8},
    "engine": {"processes": 1, "max_action_tokens": 8, "sessions": 16},
    "run": {"checkpoint_every": 1},
}
ALFWORLD: dict[str, Any] = {
    "env": {"id": "ALFWorld-v0", "valid_split": "valid_unseen", "test_split": "test_unseen", "max_turns": 10},
    "warm_start": {"mistakes": 0.2, "steps": 4},
    "rl": {"tasks_per_step": 2, "group_size": 2},
    "eval": {"valid_games": 2, "test_games": 2},
}


def small(run_dir: Path, *changes: Mapping[str, Any]) -> Config:
    """`SMALL` with the `changes` of each table in turn, for a run in `run_dir`."""
    merged = {name: dict(table) for name, table in SMALL.items()}
    for change in (*changes, {"run": {"dir": str(run_dir)}}):
        for name, table in change.items():
            merged[name] = {**merged.get(name, {}), **table}
    return Config.model_validate(merged)


def results(path: Path) -> list[dict[str, float]]:
    """The metrics of a run, without what a clock measured."""
    clocks = ("seconds", "time/", "turn/", "engine/", "trainer/", "valid/seconds", "test/seconds", "warm_start/seconds")
    rows = Run.open(path).metrics()
    return [{name: value for name, value in row.items() if not name.startswith(clocks)} for row in rows]
