"""The fake as a process of its own: `python -m agentrl.agents.vllm.fake --release 0.32.0 --model DIR --port 8000`."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress

from agentrl.agents.vllm.fake.policy import Policy, ScriptedPolicy
from agentrl.agents.vllm.fake.releases import RELEASES
from agentrl.agents.vllm.fake.server import FakeServer


def main() -> None:
    """Serve until interrupted; prints the address when it is ready."""
    parser = argparse.ArgumentParser(prog="python -m agentrl.agents.vllm.fake", description=__doc__)
    parser.add_argument("--release", default="0.32.0", choices=RELEASES)
    parser.add_argument("--model", help="checkpoint folder of a small model; without one tokens are scripted")
    parser.add_argument("--served-model-name", help="default: the folder, as in vLLM")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--api-key", default="")
    parser.add_argument("--logprobs-mode", default="raw_logprobs", choices=["raw_logprobs", "processed_logprobs"])
    parser.add_argument("--enable-lora", action="store_true", help="with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1")
    parser.add_argument("--enable-scale-out", action="store_true")
    parser.add_argument("--dev-mode", action="store_true", help="VLLM_SERVER_DEV_MODE=1")
    parser.add_argument("--vocab-size", type=int, default=64, help="of scripted tokens")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds per token")
    chosen = parser.parse_args()
    policy: Policy
    if chosen.model is None:
        policy = ScriptedPolicy(chosen.vocab_size, latency_s=chosen.latency)
    else:
        import torch

        from agentrl.agents.vllm.fake.model import ModelPolicy

        torch.set_num_threads(1)  # more get into each other's way on small models
        policy = ModelPolicy(chosen.model, latency_s=chosen.latency)
    server = FakeServer(
        chosen.release,
        policy,
        host=chosen.host,
        port=chosen.port,
        api_key=chosen.api_key,
        logprobs_mode=chosen.logprobs_mode,
        enable_lora=chosen.enable_lora,
        enable_scale_out=chosen.enable_scale_out,
        dev_mode=chosen.dev_mode,
        served_model_name=chosen.served_model_name or chosen.model or "policy",
    )
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(server))


async def _serve(server: FakeServer) -> None:
    async with server:
        print(server.url, flush=True)
        await server.wait()


main()
