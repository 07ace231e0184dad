"""An environment that is learned in a second, and the configuration of runs that take about as long."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

import agentrl
from agentrl.config import Config
from agentrl.envs.base import Result, TextEnv
from agentrl.errors import UnknownNameError
from agentrl.types import Outcome

ROOT = Path(__file__).parents[2]
"""Has to be on the module path of further processes, which import this file by name."""
SIGNS = "tests.trainers.small:Signs-v0"

torch.set_num_threads(1)


class Signs(TextEnv):
    """Go three times where the sign points; one wrong turn ends it, other words are not understood."""

    splits = ("train", "valid", "test")
    channels = ("outcome", "progress")

    def tasks(self, split: str | None = None) -> Sequence[str]:
        split = split or self.split
        if split not in self.splits:
            raise UnknownNameError("split", split, self.splits)
        return [f"{split}/{i}" for i in range(20)]

    def kind(self, task_id: str) -> str:
        """Where the first sign points."""
        return _ways(task_id)[0]

    def begin(self, task_id: str) -> Result:
        if task_id.partition("/")[0] not in self.splits:
            raise UnknownNameError("task", task_id, self.tasks())
        self.state = _ways(task_id)
        return Result(self._sign())

    def act(self, action: str) -> Result:
        if action not in ("go left", "go right"):
            return Result(f"What? {self._sign()}", outcome=Outcome.invalid_action("go left, or go right"))
        if action != f"go {self.state.pop(0)}":
            return Result("You are lost.", outcome=Outcome.terminated(success=False))
        if not self.state:
            return Result("You are home.", {"outcome": 1.0, "progress": 1 / 3}, Outcome.terminated(success=True))
        return Result(self._sign(), {"progress": 1 / 3})

    def oracle(self) -> Iterator[str]:
        yield from [f"go {way}" for way in self.state]

    def _sign(self) -> str:
        return f"Sign {len(self.state)} says {self.state[0]}."


def _ways(task_id: str) -> list[str]:
    return random.Random(task_id).choices(["left", "right"], k=3)


agentrl.register("Signs-v0", "tests.trainers.small:Signs", max_episode_steps=10)

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
