"""Publishing adapters under a new name for each version: nothing pauses, and requests name what they want."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agentrl.agents.vllm import replies, wire
from agentrl.agents.vllm.capabilities import Feature
from agentrl.agents.vllm.publish import folders
from agentrl.agents.vllm.publish.base import Targets, Update, unshared
from agentrl.agents.vllm.replica import Replica
from agentrl.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "agentrl-v"


class LoraPublisher:
    """Writes `root/v<version>/` as `peft` would, and loads it as the model `agentrl-v<version>`.

    Turns that began with an older adapter end with it; the server drops it at the first publish after that.

    Args:
        root: folder that the servers see.
        alpha: of the adapters; the rank shows in their shapes.
    """

    takes: Literal["weights", "adapters"] = "adapters"
    pauses = False
    needs: tuple[Feature, ...] = ("lora",)

    def __init__(self, root: Path, alpha: int) -> None:
        self.root, self.alpha = root, alpha

    async def prepare(self, targets: Targets, update: Update) -> None:
        """
        Raises:
            ConfigError: these are no adapters of one rank, under the names that `get_peft_model_state_dict` gives.
        """
        weights = unshared(update.weights)
        config = {"adapter_config.json": adapter_config(weights, self.alpha)}
        folder = await asyncio.to_thread(
            folders.write, self.root, update.version, "adapter_model.safetensors", weights, config
        )
        name = self.model(update.version)

        async def load(replica: Replica) -> None:
            if name in replies.models(await replica.send(wire.MODELS)).models:  # of a run that ended
                await replica.send(wire.unload_lora(replica.capabilities, name))
            await replica.send(wire.load_lora(replica.capabilities, name, str(folder)))

        await targets.each("loading the adapter", load)

    async def transfer(self, targets: Targets, update: Update) -> None:
        """Nothing to do: requests begin to name the new adapter when it is verified."""

    async def settle(self, targets: Targets, versions: Set[int]) -> None:
        kept = {self.model(version) for version in versions}

        async def unload(replica: Replica) -> None:
            for name in replies.models(await replica.send(wire.MODELS)).models:
                if name.startswith(PREFIX) and name not in kept:
                    await replica.send(wire.unload_lora(replica.capabilities, name))

        await targets.each("unloading adapters", unload)
        await asyncio.to_thread(folders.remove_all_but, self.root, versions)

    def model(self, version: int) -> str:
        return f"{PREFIX}{version}"

    async def holds(self, replica: Replica, version: int) -> bool:
        return self.model(version) in replies.models(await replica.send(wire.MODELS)).models

    async def close(self) -> None:
        """Nothing to do."""


def adapter_config(weights: Mapping[str, Tensor], alpha: int) -> dict[str, Any]:
    """What `peft` and vLLM want to know of adapters, read off their names and shapes."""
    ranks = {len(tensor) for name, tensor in weights.items() if name.endswith(".lora_A.weight")}
    targets = {name.split(".")[-3] for name in weights if name.endswith(".lora_A.weight")}
    strange = [n for n in weights if not n.startswith("base_model.model.") or n.split(".")[-2] not in _PARTS]
    if strange or len(ranks) != 1:
        raise ConfigError(
            f"adapters must be of one rank, named base_model.model.….lora_A.weight and ….lora_B.weight; these have "
            f"ranks {sorted(ranks)}" + (f" and {strange[0]!r}" if strange else "")
        )
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": ranks.pop(),
        "lora_alpha": alpha,
        "target_modules": sorted(targets),
        "bias": "none",
        "inference_mode": True,
    }


_PARTS = ("lora_A", "lora_B")
