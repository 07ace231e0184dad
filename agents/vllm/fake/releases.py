"""What a release of vLLM, started with given flags, takes and gives: read from the sources of each release.

Only what a client of reinforcement learning meets. 0.33 is not on the package index yet; what it adds to 0.32 is
taken from vLLM's repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agentrl.agents.vllm.capabilities import parse_version
from agentrl.errors import UnknownNameError

RELEASES = ("0.22.0", "0.24.0", "0.26.0", "0.28.0", "0.30.0", "0.32.0", "0.33.0")
LogprobsMode = Literal["raw_logprobs", "processed_logprobs"]


@dataclass(frozen=True, slots=True)
class Flags:
    """How the server is started, named after vLLM's own flags."""

    dev_mode: bool = True
    """VLLM_SERVER_DEV_MODE=1."""
    enable_lora: bool = False
    """With VLLM_ALLOW_RUNTIME_LORA_UPDATING=1."""
    enable_scale_out: bool = False
    api_key: str = ""
    logprobs_mode: LogprobsMode = "processed_logprobs"
    """vLLM's own default is `raw_logprobs`."""
    weight_transfer: bool = True
    """`--weight-transfer-config '{"backend":"nccl"}'`."""
    served_model_name: str = "policy"


@dataclass(frozen=True, slots=True)
class Release:
    """Where the releases differ."""

    name: str
    start_wants_format: bool
    """`/start_weight_update` reads a JSON body, which must be there."""
    failed_update_ends: bool
    """After a failed `/update_weights` another may start; before, the failed one stays open."""
    has_abort_requests: bool
    has_weight_version: bool
    """`/weight_info`, `/update_weight_version`, and `weight_version` in `/finish_weight_update`."""
    packed_in_init: bool
    """`packed` and its two companions are keys of init_info; before, of update_info."""
    gates_scale_out: bool
    """`/inference/v1/generate` answers 403 without `--enable-scale-out`."""
    declares_bodies: bool
    """The bodies of the transfer are in the OpenAPI document."""
    gives_spans: bool
    """`/inference/v1/generate` tells the weights of each token, and writes token ids into its log-probs."""
    refuses_while_paused: bool
    """New requests get 503 after a pause by abort or wait; before, they queue."""

    @property
    def guarded(self) -> tuple[str, ...]:
        """Prefixes of the paths that want the API key."""
        return ("/v1", "/v2", "/inference", *(("/cohere",) if self.packed_in_init else ()))


def release(name: str) -> Release:
    """The facts of a release.

    Raises:
        UnknownNameError: the fake does not know it.
    """
    if name not in RELEASES:
        raise UnknownNameError("vLLM release", name, RELEASES)
    number = parse_version(name)
    return Release(
        name=name,
        start_wants_format=number < (0, 25),
        failed_update_ends=number >= (0, 23),
        has_abort_requests=number >= (0, 26),
        has_weight_version=number >= (0, 27),
        packed_in_init=number >= (0, 28),
        gates_scale_out=number >= (0, 30),
        declares_bodies=number >= (0, 32),
        gives_spans=number >= (0, 32),
        refuses_while_paused=number >= (0, 33),
    )
