"""Tokens per second of a training step on real rollouts, against the same tokens in rows that need no padding; and what
a correction for rollouts of another policy costs."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from agentrl.agents.loop import RolloutSpec
from agentrl.cli.bench.policy import bench_policy
from agentrl.cli.bench.timing import one_core
from agentrl.config import Config
from agentrl.trainers.correction import Correction
from agentrl.trainers.data import Row, make_rows
from agentrl.trainers.demos import make_env
from agentrl.trainers.evaluate import fixed_tasks
from agentrl.trainers.learner import Learner, LearnerOptions
from agentrl.trainers.loss_spec import LossSpec
from agentrl.trainers.rollout import agent_loop, embedded_engine
from agentrl.types import Group


def measure(model: Path | None, games: int, group: int, repeats: int, overrides: list[str]) -> dict[str, Any]:
    """Play games, then train on them in turn as they are and cut anew into equal rows; medians, on one core.

    Micro-batches, model and loss are the same on both sides, and every row has an advantage, so that none is skipped.
    The ragged rows are also trained with importance correction, in one optimiser step and in two.
    """
    config, policy = bench_policy(model, overrides)
    tasks = fixed_tasks(make_env(config.env), config.env.id, config.env.valid_split, games)
    loop = agent_loop(config, embedded_engine(config, policy.model), policy.renderer, config.rl.temperature)
    groups = asyncio.run(loop.collect([RolloutSpec(task, group, 1) for task in tasks]))
    loop.close()
    ragged, learner = bench_rows(groups), bench_learner(config, policy.model)
    even = _even(ragged)
    kinds: dict[str, tuple[list[Row], int, Correction | None]] = {
        "ragged": (ragged, 1, None),
        "ideal": (even, 1, None),
        "corrected": (ragged, 1, Correction()),
        "two_steps": (ragged, 2, None),
        "two_steps_corrected": (ragged, 2, Correction()),
    }
    speeds: dict[str, list[float]] = {name: [] for name in kinds}
    with one_core():
        for rows in (ragged, even):
            learner.update(rows, LossSpec())  # the first step allocates
        for _ in range(repeats):
            for name, (rows, steps, correction) in kinds.items():
                begun = time.perf_counter()
                learner.update(rows, LossSpec(), mini_batches=steps, correction=correction)
                speeds[name].append(sum(map(len, rows)) / (time.perf_counter() - begun))
    median = {name: float(np.median(values)) for name, values in speeds.items()}
    lengths = [len(row) for row in ragged]
    return {
        "model": str(model or "random weights"),
        "rows": len(ragged),
        "tokens": sum(lengths),
        "row_tokens": {"min": min(lengths), "median": float(np.median(lengths)), "max": max(lengths)},
        "ragged_tokens_per_second": median["ragged"],
        "ideal_tokens_per_second": median["ideal"],
        "share": median["ragged"] / median["ideal"],
        "correction_cost": {
            "one_step": _ratio(speeds["ragged"], speeds["corrected"]),
            "two_steps": _ratio(speeds["two_steps"], speeds["two_steps_corrected"]),
        },
    }


def bench_rows(groups: Sequence[Group]) -> list[Row]:
    """Rows with advantages made up, none of them 0."""
    rng = np.random.default_rng(0)
    rows = make_rows(groups)
    return [dataclasses.replace(r, advantages=rng.choice([-1, 1], len(r)).astype(np.float32)) for r in rows]


def bench_learner(config: Config, model: PreTrainedModel) -> Learner:
    """The learner of a configuration, whose steps are all alike."""
    options = LearnerOptions(
        optim=config.rl.optim.model_copy(update={"schedule": "constant"}),
        temperature=config.rl.temperature,
        micro_batch_tokens=config.engine.microbatch_tokens,
        dtype=config.engine.train_dtype,
    )
    return Learner(model, options)


def _ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Median of the ratios of what was measured side by side."""
    return float(np.median(np.asarray(above) / np.asarray(below)))


def _even(rows: Sequence[Row]) -> list[Row]:
    """The tokens of all rows, end to end, cut into rows of their mean length; less than one row is left over."""
    length = sum(map(len, rows)) // len(rows)
    count = sum(map(len, rows)) // length

    def cut(name: str) -> np.ndarray:
        return np.concatenate([getattr(row, name) for row in rows])[: count * length].reshape(count, length)

    mask = cut("mask")
    mask[:, 0] = False  # nothing precedes a row's first token
    columns = zip(cut("ids"), mask, cut("logprobs"), cut("versions"), cut("advantages"), strict=True)
    return [Row(ids, m, logprobs, versions, 0, (), advantages) for ids, m, logprobs, versions, advantages in columns]
