"""Publishing by a folder that the servers load: needs no GPU, and works over any file system that both sides see."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from pathlib import Path
from typing import Literal

from agentrl.agents.vllm import wire
from agentrl.agents.vllm.capabilities import Feature
from agentrl.agents.vllm.publish import folders
from agentrl.agents.vllm.publish.base import Targets, Update, apart, has_label
from agentrl.agents.vllm.replica import Replica


class CheckpointPublisher:
    """Writes `root/v<version>/model.safetensors`, and lets each server reload its weights from there, in place."""

    takes: Literal["weights", "adapters"] = "weights"
    pauses = True
    needs: tuple[Feature, ...] = ("pause", "collective_rpc")

    def __init__(self, root: Path) -> None:
        self.root = root

    async def prepare(self, targets: Targets, update: Update) -> None:
        weights = apart(update.weights)
        self._folder = await asyncio.to_thread(
            folders.write, self.root, update.version, "model.safetensors", weights, {}
        )

    async def transfer(self, targets: Targets, update: Update) -> None:
        async def reload(replica: Replica) -> None:
            caps = replica.capabilities
            await replica.send(wire.reload_weights(caps, str(self._folder)))
            if caps.has("weight_version"):
                await replica.send(wire.update_weight_version(caps, update.version))

        await targets.each("reloading weights", reload)

    async def settle(self, targets: Targets, versions: Set[int]) -> None:
        await asyncio.to_thread(folders.remove_all_but, self.root, versions)

    def model(self, version: int) -> str | None:
        return None

    async def holds(self, replica: Replica, version: int) -> bool:
        return await has_label(replica, version)

    async def close(self) -> None:
        """Nothing to do."""
