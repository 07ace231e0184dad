"""Bodies that the fake takes. Stricter than vLLM in one way: vLLM ignores a key that it does not know, we refuse it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agentrl.agents.vllm.fake.releases import Release

TokenId = Annotated[int, Field(ge=0)]
Salt = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^@/\\\x00]+$")]
INT64 = 2**63


One = Annotated[float, Field(ge=1, le=1)]
Zero = Annotated[float, Field(ge=0, le=0)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Sampling(Body):
    """What the fake honours of the keys that both routes for tokens share."""

    max_tokens: int = Field(16, ge=1)
    temperature: float = Field(1.0, ge=0)
    top_p: One = 1.0
    top_k: Literal[0, -1] = 0
    min_p: Zero = 0.0
    repetition_penalty: One = 1.0
    presence_penalty: Zero = 0.0
    frequency_penalty: Zero = 0.0
    n: Literal[1] = 1
    stop_token_ids: list[TokenId] = []
    ignore_eos: bool = False
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    logprobs: int | None = Field(None, ge=0, le=20)
    prompt_logprobs: int | None = Field(None, ge=0, le=20)


class CompletionBody(Sampling):
    """`POST /v1/completions`, with tokens as prompt."""

    model: str | None = None
    prompt: Annotated[list[TokenId], Field(min_length=1)]
    return_token_ids: bool | None = None
    return_tokens_as_token_ids: bool | None = None
    cache_salt: Salt | None = None
    priority: Literal[0] = 0
    """Another is an error unless the server schedules by priority."""
    request_id: str | None = None


class SamplingParams(Sampling):
    detokenize: bool = True


class GenerateBody(Body):
    """`POST /inference/v1/generate`."""

    model: str | None = None
    token_ids: Annotated[list[TokenId], Field(min_length=1)]
    sampling_params: SamplingParams
    cache_salt: Salt | None = None
    priority: Literal[0] = 0
    request_id: str | None = None
    stream: Literal[False] = False


class WeightSpan(BaseModel):
    version: str
    start: int
    end: int


class GenerateTokensChoice(BaseModel):
    """Named as in vLLM, whose document shows by it that the reply has `weight_versions`."""

    index: int
    finish_reason: str
    token_ids: list[int]
    logprobs: dict[str, Any] | None
    weight_versions: list[WeightSpan] | None


class GenerateTokensResponse(BaseModel):
    request_id: str
    choices: list[GenerateTokensChoice]
    prompt_logprobs: list[dict[int, dict[str, Any]] | None] | None


class StartBody(Body):
    is_checkpoint_format: bool = True


class Packing(Body):
    packed: bool = False
    packed_buffer_size_bytes: int = 1 << 30
    packed_num_buffers: int = 2


class InitInfo(Body):
    master_address: str
    master_port: int
    rank_offset: int
    world_size: int


class UpdateInfo(Body):
    names: list[str]
    dtype_names: list[str]
    shapes: list[list[int]]


class PackedInitInfo(InitInfo, Packing):
    pass


class PackedUpdateInfo(UpdateInfo, Packing):
    pass


class FinishBody(Body):
    weight_version: str | None = None


class VersionBody(Body):
    new_version: str


class CheckBody(Body):
    """`POST /weight_checker`; vLLM's third action, to reset the weights, is not for us."""

    action: Literal["checksum", "compare"]
    baseline: dict[str, str] | None = None


class AbortBody(Body):
    request_ids: list[str] = []


class ReloadArguments(Body):
    weights_path: str | None = None
    is_checkpoint_format: bool = True


class RpcBody(Body):
    method: str
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    timeout: float | None = None


class LoadLoraBody(Body):
    lora_name: str = Field(min_length=1)
    lora_path: str = Field(min_length=1)
    load_inplace: bool = False
    is_3d_lora_weight: bool = False


class UnloadLoraBody(Body):
    lora_name: str = Field(min_length=1)
    lora_int_id: int | None = None


class InitBody(Body):
    init_info: dict[str, Any]


class UpdateBody(Body):
    update_info: dict[str, Any]


def init_info(release: Release) -> type[InitInfo]:
    return PackedInitInfo if release.packed_in_init else InitInfo


def update_info(release: Release) -> type[UpdateInfo]:
    return UpdateInfo if release.packed_in_init else PackedUpdateInfo
