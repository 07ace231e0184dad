"""What one vLLM server can do: found once, at the start, from its version and its OpenAPI document.

Supported are vLLM 0.22 and later. The document decides wherever it can, because it also knows with which flags the
server was started; the version number decides only what no document shows: the keys of free-form bodies.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agentrl.errors import ConfigError, InfraError

OLDEST = (0, 22)

PauseMode = Literal["abort", "wait", "keep"]
Feature = Literal[
    "completions",
    "pause",
    "abort_requests",
    "world_size",
    "transfer",
    "weight_version",
    "collective_rpc",
    "reset_prefix_cache",
    "lora",
    "generate",
    "weight_spans",
    "weight_checker",
    "tokenize",
]
"""`weight_spans`: `/inference/v1/generate` tells which weights sampled each token. `transfer`: weights by NCCL.
`weight_version`: the server keeps a label of its weights. The others are named after their routes."""

DEV_MODE = "set VLLM_SERVER_DEV_MODE=1 in its environment"
LORA = "start it with --enable-lora, and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 in its environment"
SCALE_OUT = "start it with --enable-scale-out"
NEWER = "use a newer vLLM"


@dataclass(frozen=True, slots=True)
class _Need:
    """The routes of a feature, the release that brought them, what they are for, and what enables them."""

    routes: tuple[str, ...]
    since: tuple[int, int]
    purpose: str
    enable: str


NEEDS: Mapping[Feature, _Need] = {
    "completions": _Need(("POST /v1/completions",), OLDEST, "sample tokens", "serve a model that generates"),
    "pause": _Need(("POST /pause", "POST /resume"), OLDEST, "change weights between tokens", DEV_MODE),
    "abort_requests": _Need(("POST /abort_requests",), (0, 26), "abort single requests", DEV_MODE),
    "world_size": _Need(("GET /get_world_size",), OLDEST, "size the group of the weight transfer", DEV_MODE),
    "transfer": _Need(
        (
            "POST /init_weight_transfer_engine",
            "POST /start_weight_update",
            "POST /update_weights",
            "POST /finish_weight_update",
        ),
        OLDEST,
        "publish weights by NCCL",
        DEV_MODE,
    ),
    "weight_version": _Need(
        ("GET /weight_info", "POST /update_weight_version"), (0, 27), "read back the weights' version", DEV_MODE
    ),
    "collective_rpc": _Need(("POST /collective_rpc",), OLDEST, "publish weights by a folder", DEV_MODE),
    "reset_prefix_cache": _Need(("POST /reset_prefix_cache",), OLDEST, "drop keys and values of old weights", DEV_MODE),
    "lora": _Need(("POST /v1/load_lora_adapter", "POST /v1/unload_lora_adapter"), OLDEST, "publish adapters", LORA),
    "generate": _Need(("POST /inference/v1/generate",), OLDEST, "sample tokens by the token route", SCALE_OUT),
    "weight_spans": _Need(
        ("POST /inference/v1/generate",), (0, 32), "freeze requests while weights change (update = 'keep')", SCALE_OUT
    ),
    "weight_checker": _Need(("POST /weight_checker",), (0, 32), "compare checksums of the weights", DEV_MODE),
    "tokenize": _Need(("POST /tokenize",), OLDEST, "tokenize", NEWER),
}


@dataclass(frozen=True, slots=True)
class VLLMCapabilities:
    """What a server has; build it with `parse_capabilities` or `probe`."""

    version: str
    """As the server says it, e.g. `0.32.0` or `0.33.0rc1.dev12+g1a2b3c`."""
    features: frozenset[Feature]
    pause_modes: frozenset[PauseMode]
    start_takes_format: bool
    """`/start_weight_update` wants the body `{"is_checkpoint_format": …}`; later releases want none."""
    finish_takes_version: bool
    """`/finish_weight_update` may set the weights' version."""
    packed_in_init: bool
    """Whether tensors come packed is said once, when the transfer begins; before, with each update."""

    def has(self, feature: Feature) -> bool:
        return feature in self.features

    def require(self, *features: Feature) -> None:
        """Make sure of features.

        Raises:
            ConfigError: the server lacks some; the message names their routes, what they are for, and how to get them.
        """
        missing = [self._lack(NEEDS[f]) for f in features if f not in self.features]
        if missing:
            raise ConfigError(f"the vLLM server ({self.version}) cannot " + "; cannot ".join(missing))

    def require_pause(self, mode: PauseMode) -> None:
        """Make sure of a pause mode.

        Raises:
            ConfigError: the server cannot pause, or not in this way.
        """
        self.require("pause")
        if mode not in self.pause_modes:
            known = ", ".join(sorted(self.pause_modes))
            raise ConfigError(f"the vLLM server ({self.version}) does not pause with mode={mode}; it knows: {known}")

    def _lack(self, need: _Need) -> str:
        remedy = need.enable
        if parse_version(self.version) < need.since:
            remedy = f"that takes vLLM {need.since[0]}.{need.since[1]} or later"
        return f"{need.purpose}: it has no {', '.join(need.routes)}; {remedy}"


def parse_version(version: str) -> tuple[int, int]:
    """Major and minor number of a release, a pre-release or a development build.

    Raises:
        ConfigError: this is no version of vLLM.
    """
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is None:
        raise ConfigError(f"{version!r} is no vLLM version; is the address that of a vLLM server?")
    return int(found[1]), int(found[2])


def parse_capabilities(version: str, openapi: Mapping[str, Any]) -> VLLMCapabilities:
    """Capabilities from the version in the reply of `GET /version` and from the document of `GET /openapi.json`.

    Raises:
        ConfigError: the release is too old, or these are not a vLLM server's.
    """
    release = parse_version(version)
    if release < OLDEST:
        raise ConfigError(f"vLLM {version} is too old: agentrl needs 0.22 or later, whose weights can be updated")
    paths: Mapping[str, Any] = openapi.get("paths", {})
    schemas: Mapping[str, Any] = openapi.get("components", {}).get("schemas", {})
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    features = {name for name, need in NEEDS.items() if routes.issuperset(need.routes)}
    if not _gives_weight_spans(schemas):
        features.discard("weight_spans")
    return VLLMCapabilities(
        version=version,
        features=frozenset(features),
        pause_modes=_pause_modes(paths, schemas),
        start_takes_format=release < (0, 25),
        finish_takes_version="requestBody" in paths.get("/finish_weight_update", {}).get("post", {}),
        packed_in_init=release >= (0, 28),
    )


def _gives_weight_spans(schemas: Mapping[str, Any]) -> bool:
    """The reply of `/inference/v1/generate` is in the document as part of other routes' requests."""
    names = ("GenerateTokensChoice", "GenerateResponseChoice")
    return any("weight_versions" in schemas.get(name, {}).get("properties", {}) for name in names)


def _pause_modes(paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> frozenset[PauseMode]:
    for parameter in paths.get("/pause", {}).get("post", {}).get("parameters", ()):
        if parameter["name"] == "mode":
            schema = parameter["schema"]
            if "$ref" in schema:
                schema = schemas[schema["$ref"].rpartition("/")[2]]
            return frozenset(schema["enum"])
    return frozenset()


GetJson = Callable[[str], Awaitable[tuple[int, Any]]]
"""Fetches a path of the server; returns the HTTP status and the decoded JSON."""


async def probe(get: GetJson) -> VLLMCapabilities:
    """Ask a server what it can do.

    Raises:
        ConfigError: this is no vLLM server, it is too old, or it hides its OpenAPI document.
        InfraError: it fails.
    """
    status, reply = await get("/version")
    if status >= 500:
        raise InfraError(f"GET /version: the server answers {status}")
    if status != 200 or not isinstance(reply, Mapping) or not isinstance(reply.get("version"), str):
        raise ConfigError(f"GET /version answers {status} and no version; is the address that of a vLLM server?")
    status, openapi = await get("/openapi.json")
    if status != 200 or not isinstance(openapi, Mapping):
        raise ConfigError(
            f"GET /openapi.json answers {status}; start vLLM without --disable-fastapi-docs, as the document tells "
            "what the server can do"
        )
    return parse_capabilities(reply["version"], openapi)
