"""Checklists are judged where a reward is made of them, and by whom the configuration says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentrl.errors import ConfigError
from tests.conftest import require

torch = require("torch")
require("transformers")
require("torch.utils.tensorboard")

from agentrl.config import Config, JudgeConfig
from agentrl.trainers.demos import make_env
from agentrl.trainers.loop import train
from agentrl.trainers.methods import get_method
from agentrl.trainers.runs import Run
from agentrl.trainers.verdicts import checklist_monitor
from tests.trainers.small import small

TOOLDESK: dict[str, Any] = {
    "env": {
        "id": "ToolDesk-v0",
        "kwargs": {"manual": "none", "domain": "retail"},
        "valid_split": "valid",
        "test_split": "test",
        "max_turns": 12,
    },
    "warm_start": {"demonstrations": 60, "steps": 40, "batch_tokens": 1500},
    "rl": {"steps": 2, "method": "cm2", "tasks_per_step": 2, "group_size": 4},
    "eval": {"valid_games": 2, "test_games": 2},
    "engine": {"max_action_tokens": 16},
}


def test_cm2_trains_on_verdicts_of_programs(tmp_path: Path) -> None:
    train(small(tmp_path / "r", TOOLDESK))
    run = Run.open(tmp_path / "r")
    judged = [
        name.split("/")
        for step in run.rollout_steps()
        for group, _ in run.rollouts(step)
        for turn in group.turns
        for name in turn.rewards
        if name.startswith("checklist/")
    ]
    assert judged, "every step has the items that were open"
    assert {len(parts) for parts in judged} == {3}
    assert {parts[1] for parts in judged} <= set("01234")


def test_nothing_is_judged_for_other_rewards() -> None:
    config = Config.model_validate({"env": TOOLDESK["env"]})
    env = make_env(config.env)
    assert checklist_monitor(JudgeConfig(), get_method("grpo"), env) is None
    with pytest.raises(ConfigError, match="judge is for checklists"):
        checklist_monitor(JudgeConfig(url="http://127.0.0.1:1/v1", model="m"), get_method("grpo"), env)
    assert checklist_monitor(JudgeConfig(), get_method("cm2"), env) is not None


def test_a_judge_needs_a_model() -> None:
    with pytest.raises(ConfigError, match="url and model go together"):
        Config.load(overrides=["judge.url=http://127.0.0.1:8000/v1"])
