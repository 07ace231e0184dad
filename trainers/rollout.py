"""What a run plays with: the embedded engine over the learner's model, and the agent loop around it."""

from __future__ import annotations

import copy
from typing import Any

import torch
from transformers import PreTrainedModel

from agentrl.agents.embedded import EmbeddedEngine
from agentrl.agents.loop import AgentLoop, Limits, LLMAgent
from agentrl.agents.render import Renderer
from agentrl.config import Config
from agentrl.trainers.demos import make_env
from agentrl.types import SamplingParams


def make_engine(config: Config, model: PreTrainedModel) -> EmbeddedEngine:
    """An engine around the learner's model, in `engine.dtype`.

    Where that is the learner's own type, both share one module and publishing is free; adapters are merged into a copy.
    """
    dtype = getattr(torch, config.engine.dtype)
    played: Any = model
    if hasattr(model, "peft_config"):
        played = copy.deepcopy(played).merge_and_unload()
    elif dtype != model.dtype:
        played = copy.deepcopy(played)
    return EmbeddedEngine(played.to(dtype).eval(), max_context=context(config, model))


def context(config: Config, model: PreTrainedModel) -> int:
    """Tokens of the longest episode."""
    return min(config.model.max_context, int(getattr(model.config, "max_position_embeddings", 1 << 30)))


def agent_loop(
    config: Config, engine: EmbeddedEngine, renderer: Renderer, temperature: float, max_turns: int = 0
) -> AgentLoop:
    """A loop that samples at one temperature, within the limits of the configuration.

    Args:
        max_turns: of an episode; 0 for those of the environment.
    """
    params = SamplingParams(temperature=temperature, max_tokens=config.engine.max_action_tokens)
    limits = Limits(
        turns=max_turns or config.env.max_turns,
        concurrency=config.engine.sessions,
        retries=config.failures.retries,
        failure_rate=config.failures.max_rate,
    )
    return AgentLoop(lambda _: make_env(config.env), LLMAgent(engine, renderer, params), limits)
