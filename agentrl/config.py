"""The configuration of a run: read from TOML, overridden with `--set key=value`, written resolved into the run folder.

Unknown keys are errors that name the nearest valid one. Importing this module pulls in no torch.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from agentrl.address import parse_addresses
from agentrl.errors import ConfigError, UnknownNameError


class Section(BaseModel):
    """A table of the configuration: immutable, and strict about its keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False, serialize_by_alias=True
    )

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, data: Any) -> Any:
        """Name the nearest to an unknown key; let a table that is given in part keep the rest of this key's default."""
        if not isinstance(data, Mapping):
            return data
        merged = dict(data)
        fields = {info.alias or name: info for name, info in cls.model_fields.items()}
        for key, value in data.items():
            if key not in fields:
                raise UnknownNameError("configuration key", str(key), fields)
            default = fields[key].default
            if isinstance(default, Section) and isinstance(value, Mapping):
                merged[key] = default.model_dump(exclude_unset=True) | dict(value)
        return merged


class RunConfig(Section):
    """Where the results go and how often they are written."""

    name: str = "run"
    dir: str = ""
    """The run folder; "" takes the first free `runs/<name>-NNN`."""
    checkpoint_every: int = Field(1, ge=1)
    """RL steps between checkpoints. A killed run resumes from the last one."""
    keep_checkpoints: int = Field(2, ge=1)


class EnvConfig(Section):
    """The environment and its tasks."""

    id: str = "ALFWorld-v0"
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """Passed to `gym.make`."""
    url: str = ""
    """Play on a server: `http://host:8000`, `unix:/path/to.sock`, or several with commas; "" plays in this process."""
    token: str = Field("", exclude=True, repr=False)
    """What the server wants; default: the environment variable AGENTRL_TOKEN. It is not written into the run folder."""
    backend: Literal["", "docker"] = ""
    """`docker` plays in a container of this machine, which the run starts and ends (see `agentrl images build`)."""
    train_split: str = "train"
    valid_split: str = "valid_unseen"
    test_split: str = "test_unseen"
    max_turns: int = Field(50, ge=1)

    @model_validator(mode="after")
    def _check_server(self) -> Self:
        if self.url and self.backend:
            raise ValueError("backend starts a server of its own: set either backend or url")
        if self.url:
            parse_addresses(self.url)
        elif self.token:
            raise ValueError("token is for a server: give its url, too")
        return self


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
    """Share of turns in which the demonstrator errs, then recovers; the mistakes themselves are not imitated."""
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


class LookaheadConfig(Section):
    """Rollouts that come from a lookahead tree: branches that differ are kept, those that say the same are pruned."""

    level: Literal["auto", "none", "token", "turn"] = "auto"
    """Branches within the first action of an episode, or at the borders of its turns (the environment is forked then).
    `auto` is what `rl.method` asks for: `token` for `latr`, `none` for others."""
    preset: Literal["countdown", "math"] = "countdown"
    """Published thresholds of the level `token`."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Thresholds to change; see `TokenOptions` and `TurnOptions` in `agentrl.agents.lookahead.options`."""
    share: float | dict[int, float] = Field(default_factory=dict)
    """η: which share of a group's rollouts comes from the tree, the others are sampled one by one. Either a table of
    steps of RL and the shares from there on, or η0 for η0 · decay^step; an empty table takes that of `preset`, or 1
    throughout at the level `turn`."""
    decay: float = Field(1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _check_share(self) -> Self:
        shares = self.share.values() if isinstance(self.share, dict) else [self.share]
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"share = {self.share} must lie in [0, 1]")
        if isinstance(self.share, dict) and self.share and min(self.share) != 0:
            raise ValueError("a table of shares begins at step 0")
        if isinstance(self.share, dict) and self.decay != 1:
            raise ValueError("decay is for a share that is a number: set share, too")
        if self.level == "turn" and self.preset != type(self).model_fields["preset"].default:
            raise ValueError("preset is for the level token: leave it out")
        return self


class EvalConfig(Section):
    """Measuring success. The test split takes no part in choosing anything."""

    every: int = Field(20, ge=0)
    """RL steps between validations; 0 for none."""
    valid_games: int = Field(134, ge=1)
    test_games: int = Field(402, ge=0)
    """Games of the test split played before and after RL; 0 for none."""
    temperature: float = Field(0.4, ge=0)
    checklists: bool = False
    """Measure also the share of a task's checklist that an episode satisfies, by the checks of its items."""


class EngineConfig(Section):
    """What generates (an engine in this process, or vLLM servers), and the learner's arithmetic."""

    kind: Literal["embedded", "vllm"] = "embedded"
    urls: tuple[str, ...] = ()
    """vLLM servers, one for each replica of the policy: `["http://host:8000", …]`."""
    api_key: str = Field("", exclude=True, repr=False)
    """What the servers want; default: the environment variable AGENTRL_ENGINE_API_KEY. Never written to disk."""
    publish: Literal["auto", "nccl", "checkpoint", "lora"] = "auto"
    """How new weights reach the servers: from GPU to GPU, by a folder that both see, or as adapters of a new name.
    `auto` takes adapters where `model.lora_rank` is set, NCCL where both sides have it, and else the folder."""
    weights_dir: str = ""
    """The folder that trainer and servers see; "" for `published/` in the run folder."""
    update: Literal["auto", "keep", "abort", "wait"] = "auto"
    """What happens to generations in flight when weights change: frozen and continued on the new ones, cut and
    continued with their tokens as prefix, or waited for. `auto` freezes where servers tell the version of each token
    (vLLM 0.32 and later, with --enable-scale-out), else it cuts."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the embedded engine."""
    train_dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the learner's matrix products (autocast); the weights stay float32."""
    device: str = "auto"
    sessions: int = Field(64, ge=1)
    """Episodes played at once by each process."""
    max_action_tokens: int = Field(24, ge=1)
    microbatch_tokens: int = Field(4096, ge=64)
    processes: int = Field(0, ge=0)
    """Data-parallel processes, one thread each on a CPU; 0 takes one for each core, at most 2."""

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if self.kind == "vllm" and not self.urls:
            raise ValueError("kind = 'vllm' needs urls = ['http://host:port', …]")
        if self.kind != "vllm":
            named = [name for name in ("urls", "api_key", "weights_dir") if getattr(self, name)]
            named += [name for name in ("publish", "update") if getattr(self, name) != "auto"]
            if named:
                raise ValueError(f"{named[0]} is for servers: set kind = 'vllm', too")
        for url in self.urls:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"urls: {url!r} is no http:// or https:// address")
        if len(set(self.urls)) < len(self.urls):
            raise ValueError("urls: every replica once")
        return self


class AsyncConfig(Section):
    """How far generation may run ahead of training, and how the loss makes up for it."""

    staleness: int = Field(0, ge=0)
    """η: policy versions that may lie between the start of a group and its training. 0 is synchronous."""
    importance: Literal["auto", "none", "token", "sequence", "decoupled"] = "auto"
    """Weights π_proximal/π_behaviour in the loss: none; of each token, truncated; of the whole rollout, truncated, with
    rejection; or of each token as in decoupled PPO (arXiv 2505.24298). `auto` is `token`, and `none` where `staleness`
    is 0 and the log-probs of engine and trainer agree."""
    importance_cap: float = Field(2.0, ge=1)
    """Where `token` and `sequence` truncate."""
    reject: tuple[float, float] = (0.8, 1.25)
    """`sequence` leaves out rollouts whose geometric mean ratio is not within."""

    @model_validator(mode="after")
    def _check_band(self) -> Self:
        if not 0 < self.reject[0] < 1 < self.reject[1]:
            raise ValueError(f"reject = {list(self.reject)} must be a band around 1")
        default = {name: field.default for name, field in type(self).model_fields.items()}
        if self.importance in ("none", "decoupled") and self.importance_cap != default["importance_cap"]:
            raise ValueError(f"importance = {self.importance!r} truncates nothing: leave importance_cap out")
        if self.importance != "sequence" and self.reject != default["reject"]:
            raise ValueError(f"importance = {self.importance!r} rejects nothing: leave reject out")
        return self


class JudgeConfig(Section):
    """The language model, on an OpenAI-compatible server, that compares trajectories, or judges the items of checklists
    that no program can check."""

    url: str = ""
    """Up to and with the version, `http://host:8000/v1`; "" judges by program alone."""
    model: str = ""
    api_key: str = Field("", exclude=True, repr=False)
    """What the server wants; default: the environment variable AGENTRL_JUDGE_API_KEY. Never written to disk."""
    concurrency: int = Field(64, ge=1)
    """Questions at a time."""
    allow_unaudited: bool = False
    """Train with a judge that has not passed `agentrl judge audit`."""

    @model_validator(mode="after")
    def _check_model(self) -> Self:
        if bool(self.url) != bool(self.model):
            raise ValueError("url and model go together: give both, or neither")
        return self


class TournamentConfig(Section):
    """How the reward channels `arena` (ranks from a tournament) and `pointwise` (scores one by one) are made."""

    topology: Literal["round_robin", "anchor", "single_elimination", "double_elimination", "swiss"] = (
        "single_elimination"
    )
    ties: Literal["average", "competition", "stretched"] = "average"
    """What rollouts of the same rank get: see `agentrl.agents.arena.rewards`."""
    greedy_first: Literal["auto", "yes", "no"] = "auto"
    """Whether the first rollout of each group takes the most likely tokens; `auto` where the topology makes it the
    anchor."""
    judge: Literal["llm", "programmatic"] = "llm"
    """Who compares: the language model of `judge`, or a program that knows the quality of a trajectory and errs."""
    quality: str = ""
    """For the program: a reward channel of the environment, or `module:name` of a function of task and turns."""
    noise: float = Field(0.0, ge=0)
    """Standard deviation of the program's errors, in units of the quality."""
    position_bias: float = 0.0
    """What the program adds to the score of what it sees first."""
    compression: float = Field(1.0, gt=0, le=1)
    """What the program multiplies the quality with for `pointwise` scores; its errors stay as they are."""

    @model_validator(mode="after")
    def _check_judge(self) -> Self:
        default = {name: field.default for name, field in type(self).model_fields.items()}
        if self.judge == "programmatic" and not self.quality:
            raise ValueError("judge = 'programmatic' needs quality: a reward channel, or module:name")
        if self.judge == "llm":
            for name in ("quality", "noise", "position_bias", "compression"):
                if getattr(self, name) != default[name]:
                    raise ValueError(f"{name} is for judge = 'programmatic': set it, too, or leave {name} out")
        return self


class FailureConfig(Section):
    """What a run puts up with."""

    retries: int = Field(2, ge=0)
    """Attempts to replay an episode that met an infrastructure error."""
    max_rate: float = Field(0.2, gt=0, le=1)
    """Share of episodes lost to infrastructure errors at which the run stops."""
    max_logprob_gap: float = Field(0.05, gt=0)
    """Bound on mean |log π_rollout − log π_trainer| in the first RL steps."""


class Config(Section):
    """A whole run."""

    seed: int = 0
    run: RunConfig = RunConfig()
    env: EnvConfig = EnvConfig()
    model: ModelConfig = ModelConfig()
    warm_start: WarmStartConfig = WarmStartConfig()
    rl: RLConfig = RLConfig()
    lookahead: LookaheadConfig = LookaheadConfig()
    eval: EvalConfig = EvalConfig()
    engine: EngineConfig = EngineConfig()
    async_: AsyncConfig = Field(AsyncConfig(), alias="async")
    failures: FailureConfig = FailureConfig()
    judge: JudgeConfig = JudgeConfig()
    tournament: TournamentConfig = TournamentConfig()

    @model_validator(mode="after")
    def _check_adapters(self) -> Self:
        if self.engine.publish == "lora" and not (self.model.lora_rank and self.model.path):
            raise ValueError("engine.publish = 'lora' publishes adapters: set model.lora_rank and model.path, too")
        if self.engine.publish == "lora" and self.warm_start.demonstrations:
            raise ValueError(
                "engine.publish = 'lora' needs servers that hold what the adapters are trained on, and a warm start "
                "changes it: set warm_start.demonstrations = 0, or publish = 'checkpoint'"
            )
        return self

    @field_validator("model", mode="before")
    @classmethod
    def _model_is_a_path(cls, value: Any) -> Any:
        """`model = "PATH"` is short for `model.path = "PATH"`."""
        return {"path": value} if isinstance(value, str) else value

    @classmethod
    def load(cls, path: Path | None = None, overrides: Iterable[str] = ()) -> Self:
        """Read a TOML file (None: the defaults) and apply `key=value` overrides with dotted keys.

        Raises:
            ConfigError: the file cannot be read, or a value is wrong.
            UnknownNameError: there is no such key; the message names the nearest.
        """
        data: dict[str, Any] = {}
        if path is not None:
            try:
                data = tomllib.loads(path.read_text(encoding="utf-8"))
            except FileNotFoundError as e:
                raise ConfigError(f"{path}: no such configuration file") from e
            except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
                raise ConfigError(f"{path}: {e}") from e
        for item in overrides:
            key, separator, text = item.partition("=")
            if not separator:
                raise ConfigError(f"--set {item}: write it as key=value, e.g. --set rl.steps=50")
            _assign(data, key.strip().split("."), parse_value(text.strip()), item)
        try:
            return cls.model_validate(data)
        except ValidationError as e:
            first = e.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigError(
                f"configuration key {where}: {first['msg'].removeprefix('Value error, ')} (got {first['input']!r:.80})"
            ) from e

    def toml(self) -> str:
        """The configuration as TOML, without `env.token`; `Config.load` reads it back to an equal value."""
        data = self.model_dump(mode="json")
        lines = [f"seed = {data.pop('seed')}"]
        for name, section in data.items():
            lines += _table(name, section)
        return "\n".join(lines) + "\n"


def _assign(data: dict[str, Any], keys: list[str], value: Any, item: str) -> None:
    for key in keys[:-1]:
        inner = data.setdefault(key, {})
        if isinstance(inner, str) and key == "model":
            inner = data[key] = {"path": inner}
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {item}: {key} is a value, not a table")
        data = inner
    data[keys[-1]] = value


def parse_value(text: str) -> Any:
    """A TOML value; text that is none is a bare string, so that shells need no second pair of quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _table(name: str, values: Mapping[str, Any]) -> list[str]:
    lines, inner = ["", f"[{name}]"], []
    for key, value in values.items():
        if isinstance(value, Mapping):
            inner += _table(f"{name}.{_key(key)}", value)
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    return lines + inner


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")  # JSON's strings are TOML's but for this


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _value(key)


def known_keys(section: type[BaseModel] = Config, prefix: str = "") -> list[str]:
    """All dotted keys, for help and completion."""
    keys: list[str] = []
    for field, info in section.model_fields.items():
        name, kind = info.alias or field, info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys += known_keys(kind, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return keys


__all__ = ["Config", "known_keys", "parse_value"]
