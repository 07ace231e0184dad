"""What scoring the reference answer after every turn costs, as the engine does it and as one would write it first."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import numpy as np

from agentrl.agents.embedded import EmbeddedEngine
from agentrl.agents.information_gain import InformationGain, prefixes
from agentrl.agents.loop import LLMAgent, RolloutSpec
from agentrl.cli.bench.policy import bench_policy
from agentrl.cli.bench.timing import one_core
from agentrl.cli.bench.train import bench_learner, bench_rows
from agentrl.trainers.demos import make_env
from agentrl.trainers.evaluate import fixed_tasks
from agentrl.trainers.gains import information_gain
from agentrl.trainers.loss_spec import LossSpec
from agentrl.trainers.methods import get_method
from agentrl.trainers.rollout import agent_loop, embedded_engine
from agentrl.types import Task, Turn


def measure(model: Path | None, tasks: int, group: int, turns: int, overrides: list[str]) -> dict[str, Any]:
    """Play with scores and train once, on one core; then score all rollouts anew in each way.

    Raises:
        ConfigError: the environment knows no answers.
    """
    config, policy = bench_policy(model, overrides, "searchqa")
    env = make_env(config.env)
    method = get_method("igpo")
    known = [
        Task(config.env.id, task.task_id, reference=env.reference(task.task_id))
        for task in fixed_tasks(env, config.env.id, config.env.valid_split, tasks)
    ]
    method.check_tasks(env.channels, known[0].reference)
    gain = information_gain(config.rl.information_gain, method, env)
    assert gain is not None
    engine = embedded_engine(config, policy.model)
    loop = agent_loop(config, engine, policy.renderer, config.rl.temperature, turns, gain)
    with one_core():
        begun = time.perf_counter()
        groups = asyncio.run(loop.collect([RolloutSpec(task, group, 1) for task in known]))
        played_s, scoring_s = time.perf_counter() - begun, engine.stats().scoring_s
        rollouts = [(g.task, [g.turns[i] for i in path]) for g in groups for path in g.rollouts()]
        anew = asyncio.run(_anew(engine, loop.agent, gain, rollouts))
        learner, rows = bench_learner(config, policy.model), bench_rows(groups)
        learner.update(rows, LossSpec())  # the first step allocates
        begun = time.perf_counter()
        learner.update(rows, LossSpec())
        step_s = played_s + time.perf_counter() - begun
    loop.close()
    lengths = [len(prefixes(turns)[0]) for _, turns in rollouts]
    return {
        "model": str(model or "random weights"),
        "rollouts": len(rollouts),
        "turns": float(np.mean([len(turns) for _, turns in rollouts])),
        "tokens": float(np.mean(lengths)),
        "step_s": step_s,
        "share": scoring_s / step_s,
        "per_rollout_s": {"cached": scoring_s / len(rollouts), **anew["seconds"]},
        "largest_difference": anew["largest_difference"],
    }


async def _anew(
    engine: EmbeddedEngine, agent: LLMAgent, gain: InformationGain, rollouts: list[tuple[Task, list[Turn]]]
) -> dict[str, Any]:
    """Score one rollout after another: in one call that has nothing cached, and by a forward pass for each prefix."""
    seconds = {"fresh": 0.0, "prefixes": 0.0}
    largest = 0.0
    for task, turns in rollouts:
        target, _ = gain.target(agent.renderer, task)
        context, cuts = prefixes(turns)
        times = [time.perf_counter()]
        together = await engine.score_many(context, cuts, target, "fresh")
        times.append(time.perf_counter())
        alone = [await engine.score(context[:cut], target) for cut in cuts]
        times.append(time.perf_counter())
        engine.release("fresh")
        for name, took in zip(seconds, np.diff(times), strict=True):
            seconds[name] += float(took) / len(rollouts)
        largest = max(largest, float(np.abs(np.array(together.logprobs) - np.array(alone)).max()))
    return {"seconds": seconds, "largest_difference": largest}
