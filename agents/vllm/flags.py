"""With which flags and variables a vLLM server is started: one reason for each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from agentrl.agents.vllm.capabilities import parse_version
from agentrl.errors import ConfigError

LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM reserves room for."""
BATCHED_TOKENS = 8192
"""Of one step on a CPU, at least."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is known before the start of the interpreter that has vLLM, of its machine and of the model."""

    version: str
    gpus: tuple[str, ...]
    """As CUDA_VISIBLE_DEVICES names them; none on a CPU."""
    cores: tuple[int, ...]
    model_type: str
    """As `config.json` says it: `qwen3`, `lfm2` …"""
    max_context: int
    """Of the model, in tokens."""
    local: bool
    """The model is a folder, not the name of one to be fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What `agentrl engine serve` is told."""

    model: str
    """A folder, or a name that vLLM can fetch."""
    replicas: int = 1
    host: str = "127.0.0.1"
    port: int = 8000
    """Of the first replica, the others follow; 0 takes free ones."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """`auto` is float32 on a CPU and bfloat16 on GPUs."""
    max_model_len: int = 0
    """Longest context in tokens; 0 for the model's."""
    lora_rank: int = 0
    """Largest rank of adapters; 0 serves none."""
    transfer: Literal["auto", "nccl", "none"] = "auto"
    """Whether the trainer may send weights from GPU to GPU; `auto` where the server has one."""
    extra: tuple[str, ...] = ()
    """Further flags of vLLM, which win over ours."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A flag with its value, or a variable of the environment as `NAME=value`."""

    words: tuple[str, ...]
    why: str


def flags(options: ServeOptions, target: Target) -> list[Setting]:
    """Flags that all replicas share.

    Raises:
        ConfigError: an option does not fit the machine or the release.
    """
    return [Setting(found[:-1], found[-1]) for found in _flags(options, target)]


def _flags(options: ServeOptions, target: Target) -> Iterator[tuple[str, ...]]:
    """Words of each flag, and the reason for it at the end."""
    cpu = not target.gpus
    yield "--model", options.model, "what is served"
    yield "--logprobs-mode", "processed_logprobs", "log-probs are those of the distribution that was sampled from"
    yield "--generation-config", "vllm", "sampling is shaped by requests alone, not by the model's own defaults"
    dtype = ("float32" if cpu else "bfloat16") if options.dtype == "auto" else options.dtype
    yield "--dtype", dtype, "as the trainer's on a CPU" if cpu else "as the trainer's autocast"
    if options.max_model_len:
        yield "--max-model-len", str(options.max_model_len), "longest context"
    if parse_version(target.version) >= (0, 30):
        yield "--enable-scale-out", "opens /inference/v1/generate, which tells the weights version of each token"
    if options.lora_rank:
        limit = "; on a CPU for trials alone: vLLM ends there when it scores and samples in one batch" if cpu else ""
        yield "--enable-lora", f"adapters are published under new names{limit}"
        yield "--max-lora-rank", str(_lora_rank(options.lora_rank)), f"room for rank {options.lora_rank}"
        yield "--max-loras", "2", "the old policy version ends its turns beside the new one"
    if options.transfer == "nccl" and cpu:
        raise ConfigError("transfer = 'nccl' needs GPUs, and vLLM finds none here; weights go by a folder instead")
    if options.transfer != "none" and not cpu:
        yield "--weight-transfer-config", json.dumps({"backend": "nccl"}), "weights come from the trainer's GPU"
    if cpu:
        yield from _cpu_flags(options, target)


def _cpu_flags(options: ServeOptions, target: Target) -> Iterator[tuple[str, ...]]:
    yield "--enforce-eager", "compiling for a CPU takes minutes"
    tokens = max(options.max_model_len or target.max_context, BATCHED_TOKENS)
    yield "--no-enable-chunked-prefill", "a seeded request whose prompt is split ends vLLM on a CPU"
    yield "--max-num-batched-tokens", str(tokens), "each prompt fits one step, which must not be split"
    if target.model_type.startswith("lfm2"):
        yield "--no-enable-prefix-caching", "the cache of this model splits prompts"
        yield (
            "--compilation-config",
            json.dumps({"custom_ops": ["-rotary_embedding"]}),
            "vLLM's rotary kernel for CPUs turns one head only of this model's queries",
        )


def variables(options: ServeOptions, target: Target, replica: int) -> list[Setting]:
    """Environment of one replica, beside the one that is inherited.

    Raises:
        ConfigError: there are fewer GPUs than the replicas want.
    """
    found: list[tuple[str, str, str]] = [
        ("VLLM_SERVER_DEV_MODE", "1", "pause, weight updates and versions are routes of the developer mode"),
        ("VLLM_NO_USAGE_STATS", "1", "nothing is reported to anybody"),
    ]
    if options.lora_rank:
        found.append(("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "1", "adapters come and go while it serves"))
    if target.local:
        found.append(("HF_HUB_OFFLINE", "1", "the model is a folder: nothing has to be fetched"))
    if target.gpus:
        width = gpus_per_replica(options.extra)
        if options.replicas * width > len(target.gpus):
            raise ConfigError(f"{options.replicas} replicas of {width} GPUs each, and vLLM finds {len(target.gpus)}")
        mine = target.gpus[replica * width : (replica + 1) * width]
        found.append(("CUDA_VISIBLE_DEVICES", ",".join(mine), "each replica has its own GPUs"))
        return _settings(found)
    gib = os.environ.get("VLLM_CPU_KVCACHE_SPACE", "2")
    found.append(("VLLM_CPU_KVCACHE_SPACE", gib, "GiB for keys and values"))
    if 1 < options.replicas <= len(target.cores):
        share = target.cores[replica :: options.replicas]
        found.append(("VLLM_CPU_OMP_THREADS_BIND", ",".join(map(str, share)), "each replica has its own cores"))
    return _settings(found)


def _settings(found: Sequence[tuple[str, str, str]]) -> list[Setting]:
    return [Setting((f"{name}={value}",), why) for name, value, why in found]


def gpus_per_replica(extra: Sequence[str]) -> int:
    """Product of vLLM's tensor, pipeline and data parallel sizes.

    Raises:
        ConfigError: one of them is no number.
    """
    sizes = {"tensor": 1, "pipeline": 1, "data": 1}
    names = {flag: kind for kind in sizes for flag in (f"--{kind}-parallel-size", f"-{kind[0]}p")}
    words = [part for word in extra for part in word.split("=", 1)]
    for flag, value in pairwise([*words, ""]):
        if flag in names:
            if not value.isdigit() or value == "0":
                raise ConfigError(f"{flag} wants a number of GPUs, not {value!r}")
            sizes[names[flag]] = int(value)
    return sizes["tensor"] * sizes["pipeline"] * sizes["data"]


def _lora_rank(rank: int) -> int:
    for size in LORA_RANKS:
        if size >= rank:
            return size
    raise ConfigError(f"vLLM serves adapters of rank {LORA_RANKS[-1]} at most, not {rank}")
