"""`agentrl doctor --engine`: what a vLLM server can do, and whether its tokens and log-probs are exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentrl.agents.vllm import replies, wire
from agentrl.agents.vllm.capabilities import NEEDS, Feature, VLLMCapabilities
from agentrl.agents.vllm.replica import Replica
from agentrl.cli.doctor import Finding
from agentrl.errors import AgentRLError
from agentrl.types import SamplingParams

GAP = 0.05
"""Largest mean |Δ log-prob| between sampling and scoring; the start-up gate of a run has the same."""
HOT = 2.0
"""A temperature at which log-probs differ from those of temperature 1, however sure the model is."""
_PROMPT = list(range(1, 33))
"""Every vocabulary has these."""
_TOKENS = 32
_SALT = "agentrl-doctor"
_TIMEOUT_S = 60.0
_WAYS: Mapping[str, Feature] = {
    "nccl (if it has --weight-transfer-config)": "transfer",
    "checkpoint": "collective_rpc",
    "lora": "lora",
}


async def examine(url: str, api_key: str = "") -> list[Finding]:
    """All that can be found out of one server without changing anything on it."""
    replica = Replica(url, api_key=api_key, timeout_s=_TIMEOUT_S)
    findings: list[Finding] = []
    try:
        await replica.probe()
        caps = replica.capabilities
        findings.append(Finding("version", True, f"vLLM {caps.version}"))
        findings += _routes(caps)
        served = replies.models(await replica.send(wire.MODELS))
        findings.append(Finding("model", True, f"{served.models[0]}, {served.max_context} tokens of context"))
        if caps.has("weight_version"):
            label = replies.weight_version(await replica.send(wire.WEIGHT_INFO))
            findings.append(Finding("weight version", True, label))
        if caps.has("pause") and replies.is_paused(await replica.send(wire.is_paused(caps))):
            findings.append(Finding("paused", False, "it takes no requests until somebody posts to /resume"))
        else:
            findings += await _exactness(replica, served.models[0])
    except AgentRLError as error:
        findings.append(Finding("answers", False, str(error)))
    finally:
        await replica.disconnect()
    return findings


def _routes(caps: VLLMCapabilities) -> Iterator[Finding]:
    """What a run cannot do without is wrong where it is missing; the rest is told."""
    for feature, need in NEEDS.items():
        routes = ", ".join(route.split()[1] for route in need.routes)
        if caps.has(feature):
            yield Finding(feature, True, f"{need.purpose}: {routes}")
        else:
            yield Finding(feature, feature != "completions", f"missing, to {need.purpose}: {routes}; {need.enable}")
    ways = [way for way, feature in _WAYS.items() if caps.has(feature)]
    detail = ", ".join(ways) if ways else "none: its policy stays what it is"
    yield Finding("ways to publish", bool(ways), detail)


async def _exactness(replica: Replica, model: str) -> list[Finding]:
    sampled, echoed = await _sample(replica, model, 1.0)
    hot, _ = await _sample(replica, model, HOT)
    gap = _gap(sampled.logprobs, await _score(replica, model, sampled.token_ids))
    moved = _gap(hot.logprobs, await _score(replica, model, hot.token_ids))
    raw = moved <= GAP
    mode = "raw: of temperature 1" if raw else "processed: of the temperature that is sampled at"
    remedy = "; start it with --logprobs-mode processed_logprobs" if raw else ""
    return [
        Finding("prompt ids", echoed == _PROMPT, "come back as sent" if echoed == _PROMPT else f"changed: {echoed}"),
        Finding("log-prob mode", not raw, f"{mode}, as those at {HOT:g} show (mean |Δ| {moved:.2g}){remedy}"),
        Finding("token exactness", gap <= GAP, f"sampled and scored log-probs differ by {gap:.1e} on average"),
    ]


async def _sample(replica: Replica, model: str, temperature: float) -> tuple[replies.Sampled, Any]:
    """Tokens, and the prompt that the server says it had."""
    params = SamplingParams(temperature=temperature, max_tokens=_TOKENS, seed=0)
    reply = await replica.send(wire.completion(model, _PROMPT, params, salt=_SALT))
    return replies.completion(reply, _TOKENS), reply["choices"][0].get("prompt_token_ids")


async def _score(replica: Replica, model: str, token_ids: tuple[int, ...]) -> tuple[float, ...]:
    ids = [*_PROMPT, *token_ids]
    return replies.scores(await replica.send(wire.score(model, ids, salt=_SALT)), ids)[len(_PROMPT) - 1 :]


def _gap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return sum(abs(x - y) for x, y in zip(a, b, strict=True)) / len(a)
