"""Options of the vLLM engine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agentrl.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class VLLMOptions:
    """What the engine is told. Names and defaults are those of `agentrl.config.EngineConfig` where both have them."""

    urls: tuple[str, ...]
    """One for each replica."""
    api_key: str = field(default="", repr=False)
    """What the servers want; "" takes the environment variable AGENTRL_ENGINE_API_KEY."""
    publish: Literal["auto", "nccl", "checkpoint", "lora"] = "auto"
    weights_dir: Path | None = None
    """The folder that this process and the servers see under the same path; not needed for NCCL."""
    update: Literal["auto", "keep", "abort", "wait"] = "auto"
    lora_alpha: int = 0
    """α of the LoRA adapters that are trained; 0 where all weights are. Adapters by new name need it."""
    max_context: int = 0
    """Tokens of prompt and completion; 0 for what the servers allow, which is the upper bound in any case."""
    request_timeout_s: float = 600.0
    """Of one request: a turn, or one step of a publish."""
    health_interval_s: float = 5.0
    tolerance: float = 0.05
    """Largest mean |Δ log-prob| between a replica and the trainer on the probe of a publish."""
    seed: int = 0
    """Of the sampling of turns whose `SamplingParams` have none."""

    def __post_init__(self) -> None:
        if not self.api_key:
            object.__setattr__(self, "api_key", os.environ.get("AGENTRL_ENGINE_API_KEY", ""))
        if not self.urls:
            raise ConfigError("the vLLM engine needs urls = ['http://host:port', …]")
        if self.publish == "lora" and not self.lora_alpha:
            raise ConfigError("publish = 'lora' publishes adapters: train some (model.lora_rank), or publish weights")
        if self.weights_dir is None and self.way in ("lora", "checkpoint"):
            raise ConfigError(f"publish = {self.way!r} needs weights_dir, a folder that the servers see")

    @property
    def way(self) -> Literal["auto", "nccl", "checkpoint", "lora"]:
        """`publish`, decided as far as it can be without the servers."""
        return "lora" if self.publish == "auto" and self.lora_alpha else self.publish
