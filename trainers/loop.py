"""`agentrl train`: demonstrate and imitate, then generate, credit, train, publish and save, until done."""

from __future__ import annotations

import asyncio
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from agentrl.agents.ragged_cache import check_model
from agentrl.config import Config
from agentrl.errors import ConfigError, MissingExtraError
from agentrl.trainers.boundaries import explore
from agentrl.trainers.checkpoint import checkpoints
from agentrl.trainers.demos import make_env
from agentrl.trainers.evaluate import fixed_tasks
from agentrl.trainers.gains import information_gain
from agentrl.trainers.lookahead import lookahead
from agentrl.trainers.methods import get_method
from agentrl.trainers.prepare import device, load_skeleton
from agentrl.trainers.reinforce import Reinforcement
from agentrl.trainers.report import write_report
from agentrl.trainers.rollout import context, servers_engine
from agentrl.trainers.routing import check_routing
from agentrl.trainers.runs import free_run_dir
from agentrl.trainers.session import Session
from agentrl.trainers.tournaments import comparisons
from agentrl.trainers.verdicts import checklist_monitor
from agentrl.trainers.warm_start import warm_start
from agentrl.trainers.world import World, launch

MAX_PROCESSES = 2
"""Of `engine.processes = 0`. More processes share the rollouts further, and each repeats the optimiser's work."""


def train(config: Config, *, resume: Path | None = None) -> dict[str, Any]:
    """Carry out a whole run and return its summary (what `summary.json` holds).

    Args:
        config: the resolved configuration.
        resume: a run folder to continue; its metrics come out as if it had never stopped.

    Raises:
        ConfigError: parts of the configuration do not fit together; nothing was written.
        RunStoppedError: the run cannot go on; it can be resumed once the cause is gone.
    """
    check(config)
    path = resume or Path(config.run.dir or free_run_dir(config.run.name))
    return launch(_processes(config), _program, config, path, resume is not None)


def check(config: Config) -> None:
    """Refuse what cannot work before anything is written.

    Raises:
        ConfigError, CorruptFileError, MissingExtraError: with the reason.
    """
    rl = config.rl
    method = get_method(rl.method, rl.overrides, credit=rl.credit, rewards=rl.rewards)
    method.check(group_size=rl.group_size, critic=rl.critic != "none")
    if config.env.kwargs.get("screenshots"):
        raise ConfigError(
            "a policy in training reads text: leave screenshots out of env.kwargs; report.html shows pictures anyway"
        )
    env = check_routing(config, method, make_env(config.env))
    for split in (config.env.train_split, config.env.valid_split, config.env.test_split):
        env.tasks(split)
    method.check_tasks(env.channels, env.reference(env.tasks(config.env.train_split)[0]))
    information_gain(rl.information_gain, method, env)
    checklist_monitor(config.judge, method, env)
    compared = comparisons(config, method, env)
    lookahead(config, method, env, greedy_first=compared is not None and compared.greedy_first)
    fixed_tasks(env, config.env.id, config.env.test_split, 1, checklists=config.eval.checklists)
    if config.warm_start.demonstrations and not config.routing.executors:
        env.reset(options={"task": env.tasks(config.env.train_split)[0]})
        env.demonstrator(mistakes=config.warm_start.mistakes)
    env.close()
    if config.model.path:
        model = load_skeleton(Path(config.model.path), config).model
        check_model(model, context(config, model))
    if config.engine.kind == "vllm":
        asyncio.run(_try_servers(config))
    if config.model.lora_rank and not find_spec("peft"):
        raise MissingExtraError("peft", "lora")
    if not config.model.path and not config.warm_start.demonstrations:
        raise ConfigError("a model from nothing needs demonstrations: set warm_start.demonstrations, or model = PATH")


async def _try_servers(config: Config) -> None:
    """Start and end an engine of the servers: they are there, and can do what they will be asked."""
    engine = servers_engine(config, config.model.max_context, Path())
    try:
        await engine.start()
    finally:
        await engine.close()


def _processes(config: Config) -> int:
    if config.engine.processes:
        return config.engine.processes
    return 1 if device(config).type == "cuda" else min(len(os.sched_getaffinity(0)), MAX_PROCESSES)


def _program(world: World, config: Config, path: Path, resume: bool) -> dict[str, Any]:
    """What every process does."""
    torch.manual_seed(config.seed)
    session = Session(world, config, path, resume=resume)
    try:
        known = explore(session, session.routing) if session.routing is not None else None
        if session.state.phase == "warm_start":
            warm_start(session, None if known is None else [k.demonstration for k in known])
        if session.policy is not None:
            Reinforcement(session, session.policy).run()
        return _finish(session, path)
    finally:
        session.close()


def _finish(session: Session, path: Path) -> dict[str, Any]:
    """Write summary and report."""
    state = session.state
    summary: dict[str, Any] = {
        "run": str(path),
        "success_before": state.before.get("test/success"),
        "success_after": state.after.get("test/success"),
        "wall_s": None,
        "tokens": state.tokens,
        "episodes": state.episodes,
        "model": str(path / "checkpoints"),
        "report": str(path / "report.html"),
    }
    if session.run is not None:
        summary |= {
            "wall_s": round(session.run.seconds, 1),
            "model": str(checkpoints(session.run.path / "checkpoints")[-1]),
        }
        session.run.write_summary(summary)
        session.run.close()
        write_report(path)
    return summary
