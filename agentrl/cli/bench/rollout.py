"""Tokens per second of the embedded engine, against `model.generate` called once per turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel

from agentrl.agents.loop import RolloutSpec
from agentrl.cli.bench.policy import bench_policy
from agentrl.cli.bench.timing import one_core
from agentrl.trainers.demos import make_env
from agentrl.trainers.evaluate import fixed_tasks
from agentrl.trainers.rollout import agent_loop, embedded_engine
from agentrl.types import Completion, FinishReason, SamplingParams


class PlainEngine:
    """What one writes first: `model.generate` on the whole context, one turn of one episode at a time.

    It has of an engine what the agent loop needs, and keeps no log-probs, which makes it a little faster than what a
    trainer could use.
    """

    version = 0

    def __init__(self, model: PreTrainedModel, max_context: int) -> None:
        self.model: Any = model
        self.max_context = max_context

    async def generate(self, prompt_ids: Sequence[int], params: SamplingParams, session: str) -> Completion:
        prompt = torch.tensor([list(prompt_ids)], device=self.model.device)
        how = GenerationConfig(
            max_new_tokens=params.max_tokens,
            do_sample=True,
            temperature=params.temperature,
            top_k=0,
            eos_token_id=list(params.stop_token_ids),
            pad_token_id=params.stop_token_ids[0],
        )
        ids = self.model.generate(prompt, attention_mask=torch.ones_like(prompt), generation_config=how)
        sampled = tuple(ids[0, prompt.shape[1] :].tolist())
        reason: FinishReason = "stop" if sampled[-1] in params.stop_token_ids else "length"
        return Completion(sampled, (0.0,) * len(sampled), (0,) * len(sampled), reason)

    def release(self, session: str) -> None:
        pass


def measure(model: Path | None, games: int, group: int, overrides: list[str]) -> dict[str, Any]:
    """Play the same games with both, on one core: `group` episodes of each at once, and one after another.

    The plain loop plays each game once; a second episode of a game would tell nothing new about its speed.
    """
    config, policy = bench_policy(model, overrides)
    tasks = fixed_tasks(make_env(config.env), config.env.id, config.env.valid_split, games)

    def play(engine: Any, rollouts: int) -> dict[str, float]:
        loop = agent_loop(config, engine, policy.renderer, config.rl.temperature)
        begun = time.perf_counter()
        groups = asyncio.run(loop.collect([RolloutSpec(task, rollouts, 1) for task in tasks]))
        seconds = time.perf_counter() - begun
        loop.close()
        turns = [turn for g in groups for turn in g.turns]
        tokens = sum(len(turn.action_ids) for turn in turns)
        return {"tokens": tokens, "turns": len(turns), "seconds": seconds, "tokens_per_second": tokens / seconds}

    with one_core():
        engine = embedded_engine(config, policy.model)
        ours, plain = play(engine, group), play(PlainEngine(policy.model, engine.max_context), 1)
    ratio = ours["tokens_per_second"] / plain["tokens_per_second"]
    return {"model": str(model or "random weights"), "games": games, "agentrl": ours, "plain": plain, "ratio": ratio}
