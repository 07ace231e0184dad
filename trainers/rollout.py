"""What a run plays with: an engine, and the agent loop around it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel

from agentrl.agents.embedded import EmbeddedEngine
from agentrl.agents.engine import Engine, Probe
from agentrl.agents.lookahead.options import TokenOptions, TurnOptions
from agentrl.agents.loop import AfterGroup, AfterRollout, AgentLoop, Limits, LLMAgent, MonitorFactory
from agentrl.agents.render import Renderer
from agentrl.agents.weights import cast_weights
from agentrl.config import Config
from agentrl.trainers.policy import LORA_ALPHA
from agentrl.trainers.routing import Routing, played_env
from agentrl.types import SamplingParams

if TYPE_CHECKING:
    from agentrl.agents.vllm.engine import VLLMEngine


def make_engine(config: Config, model: PreTrainedModel, folder: Path) -> Engine:
    """The engine of a run, not started yet.

    Args:
        model: the learner's.
        folder: of the run; servers get their weights from `published/` in it, unless `engine.weights_dir` is set.
    """
    if config.engine.kind == "embedded":
        return embedded_engine(config, model)
    return servers_engine(config, context(config, model), folder)


def servers_engine(config: Config, max_context: int, folder: Path) -> VLLMEngine:
    """An engine of the vLLM servers of the configuration, not started yet."""
    from agentrl.agents.vllm.engine import VLLMEngine, VLLMOptions

    options = VLLMOptions(
        urls=config.engine.urls,
        api_key=config.engine.api_key,
        publish=config.engine.publish,
        update=config.engine.update,
        weights_dir=Path(config.engine.weights_dir or folder / "published").resolve(),
        lora_alpha=LORA_ALPHA * config.model.lora_rank if served_is_base(config) else 0,
        max_context=max_context,
        tolerance=config.failures.max_logprob_gap,
        seed=config.seed,
    )
    return VLLMEngine(options)


def served_is_base(config: Config) -> bool:
    """Whether servers may be assumed to hold what adapters are trained on: a warm start would have changed it."""
    return bool(config.model.path) and not config.warm_start.demonstrations


def embedded_engine(config: Config, model: PreTrainedModel) -> EmbeddedEngine:
    """An engine around the learner's model, in `engine.dtype`.

    Where that is the learner's own type, and neither runs while the other does, both share one module and publishing
    is free. Adapters are merged into a copy.
    """
    dtype = getattr(torch, config.engine.dtype)
    played: Any = model
    if hasattr(model, "peft_config"):
        played = copy.deepcopy(played).merge_and_unload()
    elif dtype != model.dtype or config.async_.staleness:
        played = copy.deepcopy(played)
    cast_weights(played, dtype)
    return EmbeddedEngine(played.eval(), max_context=context(config, model))


def context(config: Config, model: PreTrainedModel) -> int:
    """Tokens of the longest episode."""
    return min(config.model.max_context, int(getattr(model.config, "max_position_embeddings", 1 << 30)))


def agent_loop(
    config: Config,
    engine: Engine,
    renderer: Renderer,
    temperature: float,
    max_turns: int = 0,
    after_rollout: AfterRollout | None = None,
    monitor: MonitorFactory | None = None,
    after_group: AfterGroup | None = None,
    lookahead: TokenOptions | TurnOptions | None = None,
    routing: Routing | None = None,
) -> AgentLoop:
    """A loop that samples at one temperature, within the limits of the configuration.

    Args:
        max_turns: of an episode; 0 for those of the environment.
        after_rollout, monitor, after_group, lookahead: see `AgentLoop`.
        routing: who acts for the policy.
    """
    params = SamplingParams(temperature=temperature, max_tokens=config.engine.max_action_tokens)
    agent = LLMAgent(engine, renderer, params, config.engine.price)
    return AgentLoop(
        lambda _: played_env(config, routing),
        agent,
        limits_of(config, max_turns),
        after_rollout=after_rollout,
        monitor=monitor,
        after_group=after_group,
        lookahead=lookahead,
    )


def limits_of(config: Config, max_turns: int = 0) -> Limits:
    """Those of a configuration; `max_turns` of an episode, 0 for those of the environment."""
    return Limits(
        turns=max_turns or config.env.max_turns,
        concurrency=config.engine.sessions,
        retries=config.failures.retries,
        failure_rate=config.failures.max_rate,
    )


@torch.no_grad()
def probe_of(model: PreTrainedModel, token_ids: Sequence[int]) -> Probe:
    """What these weights say about a text, in their own type and without autocast."""
    ids = torch.tensor([list(token_ids)], device=model.device)
    logprobs = model(input_ids=ids, use_cache=False).logits[0, :-1].float().log_softmax(-1)
    return Probe(tuple(token_ids), tuple(logprobs.gather(1, ids[0, 1:, None])[:, 0].tolist()))
