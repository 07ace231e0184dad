"""Ways for new weights to reach vLLM servers."""

from __future__ import annotations

from collections.abc import Callable

from agentrl.agents.vllm.capabilities import VLLMCapabilities
from agentrl.agents.vllm.options import VLLMOptions
from agentrl.agents.vllm.publish.base import Publisher
from agentrl.agents.vllm.publish.checkpoint import CheckpointPublisher
from agentrl.agents.vllm.publish.communicator import VLLMCommunicator, available
from agentrl.agents.vllm.publish.lora import LoraPublisher
from agentrl.agents.vllm.publish.nccl import Communicator, NcclPublisher
from agentrl.errors import ConfigError


def choose(
    options: VLLMOptions, capabilities: VLLMCapabilities, communicator: Callable[[], Communicator] | None = None
) -> Publisher:
    """The way that the options name, or the best that both sides have.

    Raises:
        ConfigError: trainer or server lack what it needs.
    """
    way = options.way
    if way == "auto":
        way = "nccl" if capabilities.has("transfer") and available() else "checkpoint"
    if way == "nccl":
        publisher: Publisher = NcclPublisher(communicator or VLLMCommunicator)
    elif options.weights_dir is None:
        raise ConfigError(f"publish = {way!r} needs weights_dir, a folder that trainer and servers see")
    elif way == "lora":
        publisher = LoraPublisher(options.weights_dir, options.lora_alpha)
    else:
        publisher = CheckpointPublisher(options.weights_dir)
    capabilities.require(*publisher.needs)
    return publisher
