"""The warm start: supervised fine-tuning on demonstrations of the environment's own expert."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from agentrl.trainers.data import SftRow
from agentrl.trainers.demos import Demonstration, demonstrate, sft_row
from agentrl.trainers.learner import Learner, LearnerOptions
from agentrl.trainers.packing import epoch
from agentrl.trainers.prepare import make_policy
from agentrl.trainers.session import Session
from agentrl.types import Task

LOG_EVERY = 10
CHECKPOINT_EVERY = 50
"""Optimiser steps; a few seconds' work."""


def warm_start(session: Session, demonstrations: Sequence[Demonstration] | None = None) -> None:
    """Make the policy where there is none, and imitate.

    Args:
        demonstrations: of which the first `warm_start.demonstrations` are imitated; by default the environment's own
            expert makes as many.
    """
    config = session.config.warm_start
    demonstrations = _collect(session) if demonstrations is None else demonstrations[: config.demonstrations]
    if session.policy is None:
        session.policy = make_policy(session.config, demonstrations)
    learner = Learner(session.policy.model, options(session), session.world)
    if (state := session.learner_state()) is not None:
        learner.load_state_dict(state)
    weights = (config.observation_weight, config.mistake_weight)
    rows = [sft_row(d, session.policy.renderer, *weights) for d in demonstrations]
    if rows and config.steps:
        session.progress.phase("warm start", config.steps, session.state.step)
        for batch in islice(_batches(rows, config.batch_tokens, session.config.seed), session.state.step, config.steps):
            _step(session, learner, batch)
    session.state.phase = "rl"
    session.checkpoint(learner, phase_over=True)


def options(session: Session) -> LearnerOptions:
    """The learner's options of this phase."""
    config = session.config
    return LearnerOptions(
        optim=config.warm_start.optim,
        total_steps=config.warm_start.steps,
        micro_batch_tokens=config.engine.microbatch_tokens,
        dtype=config.engine.train_dtype,
        lora_rank=config.model.lora_rank,
        seed=config.seed,
    )


def _collect(session: Session) -> list[Demonstration]:
    config, env = session.config, session.env
    begun = time.perf_counter()
    ids = env.tasks(config.env.train_split)
    tasks = [
        Task(config.env.id, ids[i % len(ids)], seed=config.seed * 1_000_003 + i)
        for i in range(config.warm_start.demonstrations)
    ]
    mine = session.world.shard(tasks)
    if mine:
        session.progress.phase("demonstrations", len(mine))
    played = []
    for task in mine:
        played.append(demonstrate(env, task, mistakes=config.warm_start.mistakes))
        session.progress.step()
    found = [d for d in session.world.gather(played) if d is not None]
    if session.state.step == 0:
        session.state.episodes["demonstrations"] = len(found)
        solved = len(found) / max(len(tasks), 1)
        session.log({"demonstrations/success": solved, "time/demonstrations": time.perf_counter() - begun})
    return found


def _batches(rows: Sequence[SftRow], tokens: int, seed: int) -> Iterator[list[SftRow]]:
    """Endless optimiser steps; the n-th is the same in every run of this seed."""
    lengths = [len(row) for row in rows]
    number = 0
    while True:
        for batch in epoch(lengths, tokens, np.random.default_rng((seed, number))):
            yield [rows[i] for i in batch]
        number += 1


def _step(session: Session, learner: Learner, batch: list[SftRow]) -> None:
    metrics = learner.sft_update(batch)
    state = session.state
    state.step += 1
    state.tokens["trained"] += int(metrics["tokens"])
    if state.step % LOG_EVERY == 0 or state.step == session.config.warm_start.steps:
        trained = {"trained_tokens": state.tokens["trained"]}  # so far, those of the batch are `tokens`
        session.log({f"warm_start/{name}": value for name, value in (metrics | trained).items()})
    if state.step % CHECKPOINT_EVERY == 0:
        session.checkpoint(learner)
    session.progress.step(f"loss {metrics['loss']:.3f}")
