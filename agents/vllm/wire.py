"""Every request that is sent to a vLLM server, as data: pure functions of what is asked and of what the server can do.

Their replies are read in `agentrl.agents.vllm.replies`. Only tokens cross the wire, never text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agentrl.agents.vllm.capabilities import PauseMode, VLLMCapabilities
from agentrl.errors import ConfigError
from agentrl.types import SamplingParams

PACKED_BUFFER_BYTES = 1 << 30
PACKED_BUFFERS = 2
"""vLLM's own defaults; always sent, because both sides must agree or the transfer hangs."""

_UNSALTABLE = frozenset("@/\\\0")
"""Refused by vLLM in a cache salt, which becomes part of file names in some caches."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request."""

    path: str
    body: Mapping[str, Any] | None = None
    """Sent as JSON; None sends no body."""
    query: Mapping[str, str] = field(default_factory=dict)
    method: Literal["GET", "POST"] = "POST"


# -- tokens ----------------------------------------------------------------------------------------------------------


def completion(
    model: str,
    prompt_ids: Sequence[int],
    params: SamplingParams,
    *,
    salt: str,
    top: int = 0,
    request_id: str | None = None,
) -> Call:
    """Sample after `prompt_ids` (`POST /v1/completions`), on every release.

    The stop token is part of the completion. All that shapes the distribution is sent, because what a request leaves
    out comes from the model's `generation_config.json`: a top-k of 20, for instance. Ends of text stop only where
    `params` say so.

    Args:
        model: name under which the weights, or a LoRA adapter, are served.
        prompt_ids: (P,), P ≥ 1.
        params: what to sample; a seed counts modulo 2⁶³.
        salt: cached keys and values are shared only among requests of the same salt; at most 128 characters.
        top: of how many of the most likely tokens log-probs come, beside those of the sampled ones.
        request_id: by which `abort_requests` finds it, as `abort_ids` says.
    """
    body = {
        "model": model,
        "prompt": list(prompt_ids),
        **_sampling(params),
        "logprobs": top,
        "return_token_ids": True,
        "cache_salt": _checked_salt(salt),
    }
    if top:
        body["return_tokens_as_token_ids"] = True  # two tokens may be the same text
    return Call("/v1/completions", body if request_id is None else body | {"request_id": request_id})


def generate(
    model: str,
    prompt_ids: Sequence[int],
    params: SamplingParams,
    *,
    salt: str,
    top: int = 0,
    request_id: str | None = None,
) -> Call:
    """The same by `POST /inference/v1/generate`, whose reply tells the weights of each token (`weight_spans`)."""
    body = {
        "model": model,
        "token_ids": list(prompt_ids),
        "sampling_params": _sampling(params) | {"logprobs": top, "detokenize": False},
        "cache_salt": _checked_salt(salt),
    }
    return Call("/inference/v1/generate", body if request_id is None else body | {"request_id": request_id})


def score(model: str, token_ids: Sequence[int], *, salt: str) -> Call:
    """Log-probs of given tokens: each but the first, given all before it, at temperature 1, whatever `logprobs_mode`.

    The server samples one token more, so the context needs room for `len(token_ids) + 1`. Nothing is read from the
    prefix cache: the cost is that of the whole prompt.

    Args:
        model: name under which the weights, or a LoRA adapter, are served.
        token_ids: (L,), L ≥ 2.
        salt: see `completion`.
    """
    body = {
        "model": model,
        "prompt": list(token_ids),
        "max_tokens": 1,
        "temperature": 0.0,
        "prompt_logprobs": 0,
        "return_token_ids": True,
        "cache_salt": _checked_salt(salt),
    }
    return Call("/v1/completions", body)


def _sampling(params: SamplingParams) -> dict[str, Any]:
    body: dict[str, Any] = {
        "max_tokens": params.max_tokens,
        "temperature": params.temperature,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "stop_token_ids": list(params.stop_token_ids),
        "ignore_eos": True,
    }
    return body if params.seed is None else body | {"seed": params.seed % (1 << 63)}


def _checked_salt(salt: str) -> str:
    if not 0 < len(salt) <= 128 or not _UNSALTABLE.isdisjoint(salt):
        raise ConfigError(f"{salt!r} is no cache salt: 1 to 128 characters, without @ / \\ and NUL")
    return salt


# -- pause and resume ------------------------------------------------------------------------------------------------


def pause(caps: VLLMCapabilities, mode: PauseMode, *, clear_cache: bool) -> Call:
    """Stop generating: `abort` ends running requests with the tokens so far, `wait` lets them end, `keep` freezes them.

    Args:
        caps: of the server.
        mode: what happens to running requests.
        clear_cache: drop all cached keys and values; vLLM ignores it with `keep`.

    Raises:
        ConfigError: the server cannot pause so.
    """
    caps.require_pause(mode)
    return Call("/pause", query={"mode": mode, "clear_cache": str(clear_cache).lower()})


def resume(caps: VLLMCapabilities) -> Call:
    """Go on generating.

    Raises:
        ConfigError: the server has no such route.
    """
    caps.require("pause")
    return Call("/resume")


def is_paused(caps: VLLMCapabilities) -> Call:
    """Ask whether the server is paused; `resume` says what it raises."""
    caps.require("pause")
    return Call("/is_paused", method="GET")


def abort_requests(caps: VLLMCapabilities, request_ids: Sequence[str]) -> Call:
    """End single requests of `completion` or `generate`, which then come back with the tokens so far.

    Args:
        caps: of the server.
        request_ids: as given to `completion` or `generate`; at least one, as none would abort everybody's.

    Raises:
        ConfigError: the server has no such route.
        ValueError: no ids.
    """
    caps.require("abort_requests")
    if not request_ids:
        raise ValueError("abort_requests without ids would abort all requests of the server")
    # vLLM makes its own ids from a request's: one for each prompt of a completion, one for a generate.
    ids = [made for i in request_ids for made in (f"cmpl-{i}-0", f"generate-tokens-{i}")]
    return Call("/abort_requests", {"request_ids": ids})


# -- weights ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tensors:
    """What a transfer sends, in its order."""

    names: tuple[str, ...]
    dtypes: tuple[str, ...]
    """As torch calls them: `bfloat16`, `float32`."""
    shapes: tuple[tuple[int, ...], ...]


def init_transfer(
    caps: VLLMCapabilities, *, address: str, port: int, rank_offset: int, world_size: int, packed: bool
) -> Call:
    """Let the server's workers join the trainer's NCCL group. The call returns when all have met.

    Args:
        caps: of the server.
        address: where rank 0, the trainer, listens.
        port: of rank 0.
        rank_offset: rank of the server's first worker, 1 for the first server.
        world_size: trainer and workers of all servers.
        packed: whether small tensors travel together; releases before 0.28 hear it with each update.

    Raises:
        ConfigError: the server has no such route.
    """
    caps.require("transfer")
    info = {"master_address": address, "master_port": port, "rank_offset": rank_offset, "world_size": world_size}
    return Call("/init_weight_transfer_engine", {"init_info": info | (_packing(packed) if caps.packed_in_init else {})})


def start_update(caps: VLLMCapabilities) -> Call:
    """Begin an update by checkpoint names; `init_transfer` says what it raises."""
    caps.require("transfer")
    return Call("/start_weight_update", {"is_checkpoint_format": True} if caps.start_takes_format else None)


def update_weights(caps: VLLMCapabilities, tensors: Tensors, *, packed: bool) -> Call:
    """Receive tensors; returns when the trainer has sent them all. `packed` as in `init_transfer`."""
    caps.require("transfer")
    info = {
        "names": list(tensors.names),
        "dtype_names": list(tensors.dtypes),
        "shapes": [list(shape) for shape in tensors.shapes],
    }
    return Call("/update_weights", {"update_info": info | ({} if caps.packed_in_init else _packing(packed))})


def finish_update(caps: VLLMCapabilities, version: int) -> Call:
    """End an update; where the server labels its weights, they are `version` from now on."""
    caps.require("transfer")
    return Call("/finish_weight_update", {"weight_version": label(version)} if caps.finish_takes_version else None)


def reload_weights(caps: VLLMCapabilities, folder: str) -> Call:
    """Load a checkpoint folder (safetensors) that the server's machine sees under this path.

    Raises:
        ConfigError: the server has no such route.
    """
    caps.require("collective_rpc")
    return Call("/collective_rpc", {"method": "reload_weights", "kwargs": {"weights_path": folder}})


def reset_prefix_cache(caps: VLLMCapabilities) -> Call:
    """Drop all cached keys and values; `reload_weights` says what it raises."""
    caps.require("reset_prefix_cache")
    return Call("/reset_prefix_cache")


def update_weight_version(caps: VLLMCapabilities, version: int) -> Call:
    """Label the weights; `reload_weights` says what it raises."""
    caps.require("weight_version")
    return Call("/update_weight_version", {"new_version": label(version)})


def load_lora(caps: VLLMCapabilities, name: str, folder: str) -> Call:
    """Serve an adapter under a new model name, from a folder that the server's machine sees under this path."""
    caps.require("lora")
    return Call("/v1/load_lora_adapter", {"lora_name": name, "lora_path": folder})


def unload_lora(caps: VLLMCapabilities, name: str) -> Call:
    """Serve it no longer; its running requests end as they would have."""
    caps.require("lora")
    return Call("/v1/unload_lora_adapter", {"lora_name": name})


def label(version: int) -> str:
    """How a policy version is called on a server."""
    return str(version)


def _packing(packed: bool) -> dict[str, Any]:
    return {
        "packed": packed,
        "packed_buffer_size_bytes": PACKED_BUFFER_BYTES,
        "packed_num_buffers": PACKED_BUFFERS,
    }


# -- questions -------------------------------------------------------------------------------------------------------

HEALTH = Call("/health", method="GET")
MODELS = Call("/v1/models", method="GET")
WEIGHT_INFO = Call("/weight_info", method="GET")
WORLD_SIZE = Call("/get_world_size", method="GET")
