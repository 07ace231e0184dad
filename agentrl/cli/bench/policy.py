"""The policy that rollouts and training are measured with."""

from __future__ import annotations

from pathlib import Path

import torch

from agentrl.cli.model import model_config, model_folder
from agentrl.cli.recipes import DEFAULT, recipe
from agentrl.config import Config
from agentrl.trainers.demos import demonstrate, make_env
from agentrl.trainers.prepare import Policy, load_policy, make_policy
from agentrl.types import Task

DEMONSTRATIONS = 100
"""For the tokenizer of a policy with random weights."""


def bench_policy(model: Path | None, overrides: list[str], name: str = DEFAULT) -> tuple[Config, Policy]:
    """The model or run at a path; without one, that of a recipe with random weights. One thread."""
    torch.set_num_threads(1)
    if model is not None:
        folder = model_folder(model)
        config = model_config(folder, overrides)
        return config, load_policy(folder, config)
    config = Config.load(recipe(name), overrides)
    env = make_env(config.env)
    tasks = env.tasks(config.env.train_split)
    played = (demonstrate(env, Task(config.env.id, tasks[i]), mistakes=0.0) for i in range(DEMONSTRATIONS))
    return config, make_policy(config, [d for d in played if d is not None])
