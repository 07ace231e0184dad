"""Success on a fixed set of tasks, in total and by kind."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from agentrl.agents.loop import RolloutSpec
from agentrl.config import Config
from agentrl.envs.base import Episode
from agentrl.errors import ConfigError
from agentrl.trainers.costs import cost_metrics
from agentrl.trainers.credit.cm2 import checklist_share
from agentrl.trainers.variety import answer_form, several
from agentrl.trainers.world import World
from agentrl.types import Group, Task, total

CHECKLIST = "checklist"

EVAL_SEED = 12_345
"""Evaluations of different weights draw the same random numbers, which makes their difference less noisy."""


def fixed_tasks(env: Episode, env_id: str, split: str, count: int, *, checklists: bool = False) -> list[Task]:
    """The first `count` tasks of a split, or all of them where it has fewer.

    Args:
        checklists: whether the tasks bring theirs.

    Raises:
        ConfigError: a task shall bring one and has none.
    """
    ids = env.tasks(split)
    tasks = [Task(env_id, ids[i]) for i in range(min(count, len(ids)))]
    if not checklists:
        return tasks
    try:
        items = [env.reference(task.task_id)[CHECKLIST] for task in tasks]
    except KeyError:
        raise ConfigError(f"{env_id} has no checklists to be measured; set eval.checklists = false") from None
    return [dataclasses.replace(t, reference={CHECKLIST: its}) for t, its in zip(tasks, items, strict=True)]


def play_all(
    world: World, play: Callable[[list[RolloutSpec]], list[Group]], tasks: Sequence[Task], samples: int = 1
) -> list[Group]:
    """Play each task, so often.

    Args:
        play: plays what it is given, this process's share, in order.
    """
    specs = [RolloutSpec(task, samples, EVAL_SEED + i) for i, task in enumerate(tasks)]
    return world.gather(play(world.shard(specs)))


def summarise(groups: Sequence[Group], env: Episode, samples: int = 1) -> dict[str, float]:
    """What a measurement says. Episodes lost to infrastructure errors count in neither numerator nor denominator.

    Returns:
        `success`, `success/<kind>` for each kind of task, mean `turns`, `episodes`, `action_tokens`, and the mean of
        each reward channel over an episode as `reward/<channel>`; where tasks bring a checklist, the mean share of it
        that was satisfied as `checklist`; the `cost_metrics`; and, where each task was played several times, what
        `several` says.
    """
    solved: dict[str, list[float]] = defaultdict(list)
    turns: list[int] = []
    tokens = 0
    earned: dict[str, list[float]] = {
        channel: [] for group in groups for channel in group.channels() if not channel.startswith("checklist/")
    }
    satisfied: list[float] = []
    for group in groups:
        for path in group.rollouts():
            for channel, sums in earned.items():
                sums.append(total([group.turns[i] for i in path], channel))
            if CHECKLIST in group.task.reference:
                satisfied.append(checklist_share(group.task, [group.turns[i] for i in path]))
            last = group.turns[path[-1]].outcome
            solved[env.kind(group.task.task_id)].append(float(last.solved))
            turns.append(len(path))
            tokens += sum(len(group.turns[i].action_ids) for i in path)
    everything = [s for kind in solved.values() for s in kind]
    result = {"success": _mean(everything), "turns": _mean(turns), "episodes": float(len(everything))}
    result |= {f"success/{kind}": _mean(values) for kind, values in sorted(solved.items()) if kind}
    result |= {f"reward/{channel}": _mean(sums) for channel, sums in sorted(earned.items())}
    result |= {"checklist": _mean(satisfied)} if satisfied else {}
    result |= {"action_tokens": float(tokens)} | cost_metrics(groups)
    if samples > 1 and groups:
        result |= several(groups, samples, answer_form(env, groups[0].task.task_id))
    return result


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def evaluate(config: Config, model: str, *, split: str, games: int) -> dict[str, Any]:
    """Success of a saved policy on one split, in this process.

    Args:
        config: environment, engine, sampling temperature (`eval.temperature`) and `eval.samples` of each task.
        model: a Hugging Face folder, e.g. a run's last checkpoint.
    """
    from pathlib import Path

    from agentrl.trainers.prepare import load_policy
    from agentrl.trainers.rollout import agent_loop, embedded_engine
    from agentrl.trainers.routing import played_env, routing
    from agentrl.trainers.verdicts import checklist_exam

    executors = routing(config)
    env = played_env(config, executors)
    policy = load_policy(Path(model), config)
    engine = embedded_engine(config, policy.model)
    exam = checklist_exam(config.eval)
    loop = agent_loop(config, engine, policy.renderer, config.eval.temperature, monitor=exam, routing=executors)
    tasks = fixed_tasks(env, config.env.id, split, games, checklists=config.eval.checklists)
    groups = play_all(World(), lambda specs: asyncio.run(loop.collect(specs)), tasks, config.eval.samples)
    return summarise(groups, env, config.eval.samples)
