"""What is played, where, how far ahead, and what failures a run puts up with."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from agentrl.address import parse_addresses
from agentrl.config.price import Price
from agentrl.config.section import Section


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
    price: Price = Price()
    """Of the policy's tokens; the turns of a run with a price have their cost in money, too."""

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


class FailureConfig(Section):
    """What a run puts up with."""

    retries: int = Field(2, ge=0)
    """Attempts to replay an episode that met an infrastructure error."""
    max_rate: float = Field(0.2, gt=0, le=1)
    """Share of episodes lost to infrastructure errors at which the run stops."""
    max_logprob_gap: float = Field(0.05, gt=0)
    """Bound on mean |log π_rollout − log π_trainer| in the first RL steps."""


class EvalConfig(Section):
    """Measuring success. The test split takes no part in choosing anything."""

    every: int = Field(20, ge=0)
    """RL steps between validations; 0 for none."""
    valid_games: int = Field(134, ge=1)
    test_games: int = Field(402, ge=0)
    """Games of the test split played before and after RL; 0 for none."""
    samples: int = Field(1, ge=1)
    """How often each game of the test split is played; from 2 on, `pass@k` and `distinct@k` are measured, too."""
    temperature: float = Field(0.4, ge=0)
    checklists: bool = False
    """Measure also the share of a task's checklist that an episode satisfies, by the checks of its items."""
