"""Meeting the servers at the start: what they can do, what they serve, and whether they are all alike."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from agentrl.agents.vllm import replies, wire
from agentrl.agents.vllm.capabilities import VLLMCapabilities
from agentrl.agents.vllm.replica import Replica, ReplicaRefusedError
from agentrl.errors import ConfigError, InfraError

_log = logging.getLogger(__name__)

NO_LABEL = ""
"""Of weights whose server does not say what they are called."""


@dataclass(frozen=True, slots=True)
class Met:
    """What servers are, one or all."""

    capabilities: VLLMCapabilities
    model: str
    """Name under which they serve it."""
    max_context: int
    """The smallest, in tokens."""
    label: str
    """What they call the weights that they hold."""


async def meet(replicas: Sequence[Replica]) -> Met:
    """Make the replicas that answer live, or leave them stale where they say that they hold different weights.

    Raises:
        ConfigError: this is no vLLM server, it wants another key, or two are of different releases, flags or models.
        InfraError: none answers.
    """
    facts = dict(zip(replicas, await asyncio.gather(*map(_ask, replicas)), strict=True))
    found = {replica: met for replica, met in facts.items() if met is not None}
    if not found:
        raise InfraError(f"no vLLM server answers: {'; '.join(map(str, replicas))}")
    first = next(iter(found))
    for replica, met in found.items():
        if (met.capabilities, met.model) != (found[first].capabilities, found[first].model):
            raise ConfigError(
                f"{first.url} and {replica.url} are not alike: {_summary(found[first])}, and {_summary(met)}; start "
                "all replicas with the same release, model and flags"
            )
    labels = {met.label for met in found.values()}
    for replica in replicas:
        replica.capabilities = found[first].capabilities
        if replica in found:
            one = len(labels) == 1
            replica.state, replica.why = ("live", "") if one else ("stale", f"weights differ: {sorted(labels)}")
    return Met(
        found[first].capabilities,
        found[first].model,
        min(met.max_context for met in found.values()),
        found[first].label,
    )


async def _ask(replica: Replica) -> Met | None:
    try:
        await replica.probe()
        caps = replica.capabilities
        caps.require("completions")
        served = replies.models(await replica.send(wire.MODELS))
        if caps.has("pause") and replies.is_paused(await replica.send(wire.is_paused(caps))):
            await replica.send(wire.resume(caps))
        label = NO_LABEL
        if caps.has("weight_version"):
            label = replies.weight_version(await replica.send(wire.WEIGHT_INFO))
    except ReplicaRefusedError as e:
        raise ConfigError(str(e)) from e
    except InfraError as e:
        _log.warning("%s is left out: %s", replica.url, e)
        replica.state, replica.why = "dead", str(e)
        return None
    return Met(caps, served.models[0], served.max_context, label)


def _summary(met: Met) -> str:
    return f"vLLM {met.capabilities.version} with {met.model} and {', '.join(sorted(met.capabilities.features))}"
