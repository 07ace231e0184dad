"""The policy, and the two phases of its training."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from agentrl.config.section import Section


class ModelConfig(Section):
    """The policy: a local Hugging Face folder, or a small model from random weights."""

    path: str = ""
    """Folder with config.json, weights and tokenizer with a chat template; "" builds one from the fields below."""
    architecture: Literal["lfm2", "qwen3"] = "lfm2"
    hidden_size: int = Field(128, ge=16)
    intermediate_size: int = Field(384, ge=16)
    layers: int = Field(4, ge=1)
    heads: int = Field(4, ge=1)
    kv_heads: int = Field(0, ge=0)
    """Heads of keys and values, 0 for as many as `heads`; fewer make generation faster."""
    conv_layers: tuple[int, ...] = (0,)
    """Layers of `lfm2` that are short convolutions; the others are full attention."""
    vocab_size: int = Field(800, ge=300)
    max_context: int = Field(2048, ge=64)
    """Tokens of one episode, at most."""
    system_prompt: str = ""
    lora_rank: int = Field(0, ge=0)
    """Train LoRA adapters of this rank instead of all weights; 0 trains all."""

    @model_validator(mode="after")
    def _check_shape(self) -> Self:
        if self.hidden_size % (2 * self.heads):
            raise ValueError(f"hidden_size = {self.hidden_size} is no even multiple of heads = {self.heads}")
        if self.kv_heads and self.heads % self.kv_heads:
            raise ValueError(f"heads = {self.heads} is no multiple of kv_heads = {self.kv_heads}")
        if not all(0 <= layer < self.layers for layer in self.conv_layers):
            raise ValueError(f"conv_layers = {list(self.conv_layers)} names one beyond layers = {self.layers}")
        return self


class OptimConfig(Section):
    """One optimiser: AdamW, or Muon for the hidden matrices with AdamW for the rest."""

    name: Literal["adamw", "muon"] = "adamw"
    lr: float = Field(1e-3, gt=0)
    """Learning rate of AdamW."""
    muon_lr: float = Field(0.02, gt=0)
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = Field(0.0, ge=0)
    warmup_steps: int = Field(0, ge=0)
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """Decay to zero over the steps of the phase, or over its budget of tokens."""
    max_grad_norm: float = Field(1.0, gt=0)


class WarmStartConfig(Section):
    """Supervised fine-tuning on demonstrations of the environment's explorer."""

    demonstrations: int = Field(1000, ge=0)
    """0 skips the warm start."""
    mistakes: float = Field(0.2, ge=0, lt=1)
    """Share of turns in which the demonstrator errs, then recovers."""
    mistake_weight: float = Field(0.0, ge=0)
    """Loss weight of a mistake's tokens. By default mistakes are seen and not imitated; with 1 the policy begins as
    careless as its demonstrator, which leaves to RL what RL is good at: habits."""
    steps: int = Field(1000, ge=0)
    batch_tokens: int = Field(3000, ge=64)
    """Tokens of one gradient step, over all processes."""
    observation_weight: float = Field(0.3, ge=0)
    """Loss weight of observation tokens; 0 trains on action tokens only."""
    optim: OptimConfig = OptimConfig(name="muon", lr=3e-3, warmup_steps=20, schedule="linear")


class GainConfig(Section):
    """How the reward channel `information_gain` is made, where the run makes it."""

    form: str = ""
    """An action that gives the answer, with `{answer}` in it; "" for the environment's (`answer_form` in the reference
    of its tasks), or the paper's where it has none."""
    difference: Literal["logprob", "probability"] = "logprob"
    """Of mean log-probs of the answer's tokens (the final paper), or of their exponentials (its first version)."""


class RLConfig(Section):
    """The reinforcement learning phase."""

    method: str = "grpo"
    """See `agentrl methods list`."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Fields of the method's credit and loss to change, e.g. `{clip_high = 0.28}`."""
    credit: str = ""
    """The method whose credit replaces that of `method`; "" for its own."""
    rewards: dict[str, float | tuple[float, float]] = Field(default_factory=dict)
    """Weight of each reward channel; a pair changes linearly over the steps from the first to the second number. A list
    of names gives each the weight 1; nothing takes those of `method`."""
    information_gain: GainConfig = GainConfig()
    steps: int = Field(100, ge=0)
    token_budget: int = Field(0, ge=0)
    """End RL after the step in which this many action tokens have been generated, even if steps are left; 0 for no
    bound. Methods whose episodes differ in length are compared fairly at the same budget."""
    tasks_per_step: int = Field(12, ge=1)
    group_size: int = Field(8, ge=1)
    critic: Literal["none", "detached", "shared", "copy"] = "none"
    """For methods that need one: a head on the policy's hidden states, with or without its gradient flowing into
    them, or a model of its own."""
    epochs: int = Field(1, ge=1)
    """Passes over each batch of rollouts."""
    mini_batches: int = Field(2, ge=1)
    """Optimiser steps of each pass."""
    temperature: float = Field(1.0, gt=0)
    max_turns: int = Field(0, ge=0)
    """Turns of a training episode; 0 for `env.max_turns`."""
    balance: bool = True
    """Draw task kinds more often where groups still disagree (neither always solved nor always failed)."""
    optim: OptimConfig = OptimConfig(name="muon", lr=1e-3, muon_lr=0.006)

    @field_validator("rewards", mode="before")
    @classmethod
    def _rewards_by_name(cls, value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return value
        if not all(isinstance(name, str) for name in value) or len(set(value)) < len(value):
            raise ValueError("a list of rewards names each channel once")
        return dict.fromkeys(value, 1.0)
