"""Publishing to vLLM servers: every release, way and mode; and every way in which it can go wrong."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from agentrl.errors import ConfigError, RunStoppedError
from agentrl.types import SamplingParams
from tests.conftest import require

for component in ("aiohttp", "fastapi", "uvicorn", "torch", "safetensors"):
    require(component)

import torch
from safetensors.torch import load_file

from agentrl.agents.engine import Probe
from agentrl.agents.vllm.fake import RELEASES, FakeServer
from agentrl.agents.vllm.publish.folders import write
from agentrl.agents.vllm.publish.lora import adapter_config
from tests.fixtures.vllm import Broadcaster, check_exact, engine_of, fleet, publish, sessions_on, weights_of

PARAMS = SamplingParams(temperature=0.7, max_tokens=30, seed=5)
SPANS = ("0.32.0", "0.33.0")
"""Releases that tell the weights of each token."""
CASES = [
    *((release, way, mode) for release in RELEASES for way in ("checkpoint", "nccl") for mode in ("abort", "wait")),
    *((release, way, "keep") for release in SPANS for way in ("checkpoint", "nccl")),
    *((release, "lora", "auto") for release in RELEASES),
]


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 60))


@pytest.mark.parametrize(("release", "way", "mode"), CASES)
def test_every_way_keeps_every_token_exact(release: str, way: str, mode: str, tmp_path: Path) -> None:
    async def main() -> None:
        flags = {"enable_lora": way == "lora", "enable_scale_out": mode == "keep"}
        options = {"publish": way, "update": mode, "lora_alpha": 4 * (way == "lora")}
        async with (
            fleet(release, 2, latency_s=0.005, **flags) as servers,
            engine_of(servers, tmp_path, **options) as engine,
        ):
            first = await publish(engine, 1, tmp_path, way)
            assert (first.version, first.replicas, engine.version) == (1, 2, 1)
            assert first.gap == pytest.approx(0, abs=1e-9)
            sessions = [name for server in servers for name in sessions_on(engine, server, 6)]
            params = [dataclasses.replace(PARAMS, seed=i) for i in range(12)]
            turns = [asyncio.create_task(engine.generate([1, i], params[i], s)) for i, s in enumerate(sessions)]
            for server in servers:
                await server.in_flight(6, tokens=3)
            await publish(engine, 2, tmp_path, way)
            done = await asyncio.gather(*turns)
            for i, completion in enumerate(done):
                check_exact([1, i], params[i], completion, tmp_path, way)
            seen = [set(c.versions) for c in done]
            # A cut or frozen turn has tokens of both; one that is waited for, or names its adapter, of the first.
            assert seen == [{1, 2} if mode in ("abort", "keep") else {1}] * 12
            assert engine.stats().resumed == (12 if mode == "abort" else 0)
            after = await engine.generate([9], PARAMS, "after")
            assert set(after.versions) == {2}
            check_exact([9], PARAMS, after, tmp_path, way)

    run(main())


def test_auto_freezes_where_servers_tell_versions_and_else_cuts(tmp_path: Path) -> None:
    async def resumed(**flags: Any) -> int:
        async with fleet("0.32.0", latency_s=0.003, **flags) as servers, engine_of(servers, tmp_path) as engine:
            turn = asyncio.create_task(engine.generate([1], PARAMS, "a"))
            await servers[0].in_flight(1, tokens=5)
            await publish(engine, 1, tmp_path)
            assert set((await turn).versions) == {0, 1}
            return engine.stats().resumed

    async def main() -> None:
        assert await resumed(enable_scale_out=True) == 0
        assert await resumed() == 1

    run(main())


# -- what is sent ------------------------------------------------------------------------------------------------


def test_the_folder_holds_tied_tensors_twice_and_only_the_newest_stays(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet() as servers, engine_of(servers, tmp_path) as engine:
            for version in (1, 2):
                await publish(engine, version, tmp_path)
            assert [p.name for p in (tmp_path / "published").iterdir()] == ["v2"]
            stored = load_file(tmp_path / "published" / "v2" / "model.safetensors")
            expected = weights_of(2)
            assert set(stored) == set(expected)  # vLLM on a CPU renews a tied head by its own name only
            assert all(torch.equal(tensor, expected[name]) for name, tensor in stored.items())
            assert stored["model.norm.weight"].dtype == torch.bfloat16

    run(main())


def test_half_a_folder_is_never_seen(tmp_path: Path) -> None:
    weights = {"a": torch.ones(2)}
    write(tmp_path, 1, "model.safetensors", weights, {})
    with pytest.raises(TypeError):
        write(tmp_path, 1, "model.safetensors", {"a": torch.zeros(2)}, {"config.json": object()})
    assert torch.equal(load_file(tmp_path / "v1" / "model.safetensors")["a"], weights["a"])
    (tmp_path / "file").write_text("")
    with pytest.raises(RunStoppedError, match="cannot write weights"):
        write(tmp_path / "file", 1, "model.safetensors", weights, {})


def test_adapters_are_unloaded_when_no_turn_uses_them(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            fleet(enable_lora=True, latency_s=0.003) as servers,
            engine_of(servers, tmp_path, publish="auto", lora_alpha=4) as engine,
        ):
            assert engine.takes == "adapters"
            adapters = servers[0].weights.adapters
            await publish(engine, 1, tmp_path, "lora")
            turn = asyncio.create_task(engine.generate([1], dataclasses.replace(PARAMS, max_tokens=300), "a"))
            await servers[0].in_flight(1, tokens=5)
            await publish(engine, 2, tmp_path, "lora")
            assert set(adapters) == {"agentrl-v1", "agentrl-v2"}
            assert set((await turn).versions) == {1}
            await publish(engine, 3, tmp_path, "lora")
            assert set(adapters) == {"agentrl-v3"}
            assert [p.name for p in (tmp_path / "published").iterdir()] == ["v3"]
            config = json.loads((tmp_path / "published/v3/adapter_config.json").read_text())
            assert (config["r"], config["lora_alpha"], config["target_modules"]) == (2, 4, ["q_proj"])
            await publish(engine, 3, tmp_path, "lora")  # a run that resumes publishes a name that is there

    run(main())


def test_tensors_that_are_no_adapters_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'model\.norm\.weight'"):
        adapter_config(weights_of(1, "lora") | {"model.norm.weight": torch.ones(1)}, 4)
    other = {"base_model.model.x.y_proj.lora_A.weight": torch.ones(3, 8)}
    with pytest.raises(ConfigError, match=r"ranks \[2, 3\]"):
        adapter_config(weights_of(1, "lora") | other, 4)


def test_nccl_groups_all_workers_once_and_sends_in_the_announced_order(tmp_path: Path) -> None:
    async def main() -> None:
        made: list[Broadcaster] = []

        def communicator() -> Broadcaster:
            made.append(Broadcaster())
            return made[-1]

        options: dict[str, Any] = {"publish": "nccl", "communicator": communicator}
        async with fleet(replicas=3) as servers, engine_of(servers, tmp_path, **options) as engine:
            await publish(engine, 1, tmp_path, "nccl")
            await publish(engine, 2, tmp_path, "nccl")
            (group,) = made
            once = [t for name, t in weights_of(2).items() if name != "lm_head.weight"]
            assert all(torch.equal(a, b) for a, b in zip(group.sent[2:], once, strict=True))
            await servers[2].die()
            await publish(engine, 3, tmp_path, "nccl")  # a group of the others
            assert len(made) == 2

    run(main())


# -- what goes wrong ---------------------------------------------------------------------------------------------

FAULTS = {
    "refuse_publish": "out of memory",
    "ignore_publish": r"does not hold version 2 .* mean \|Δ log-prob\|",
    "half_publish": r"does not hold version 2 .* mean \|Δ log-prob\|",
}


@pytest.mark.parametrize(
    ("fault", "way"),
    [
        (fault, way)
        for fault in FAULTS
        for way in ("checkpoint", "nccl", "lora")
        if (fault, way) != ("half_publish", "lora")
    ],
)
def test_one_replica_without_the_weights_stops_the_run(fault: str, way: str, tmp_path: Path) -> None:
    async def main() -> None:
        options = {"publish": way, "lora_alpha": 4 * (way == "lora")}
        async with (
            fleet(replicas=2, enable_lora=way == "lora", latency_s=0.003) as servers,
            engine_of(servers, tmp_path, **options) as engine,
        ):
            await publish(engine, 1, tmp_path, way)
            setattr(servers[1].faults, fault, True)
            turn = asyncio.create_task(engine.generate([1], dataclasses.replace(PARAMS, max_tokens=500), "a"))
            await asyncio.sleep(0.02)
            with pytest.raises(RunStoppedError, match=FAULTS[fault]) as stopped:
                await publish(engine, 2, tmp_path, way)
            assert servers[1].url in str(stopped.value)
            assert servers[0].url not in str(stopped.value)
            assert engine.version == 1
            if way == "lora":  # the old adapter is as good as before
                assert set((await turn).versions) == {1}
            else:
                with pytest.raises(RunStoppedError, match=servers[1].url):
                    await turn
            with pytest.raises(RunStoppedError, match=servers[1].url):
                await engine.generate([1], PARAMS, "a")
            with pytest.raises(RunStoppedError, match=servers[1].url):
                await publish(engine, 3, tmp_path, way)

    run(main())


def test_a_label_that_somebody_else_set_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with fleet("0.28.0") as servers, engine_of(servers, tmp_path, publish="nccl") as engine:
            finish = servers[0].weights.finish
            monkeypatch.setattr(servers[0].weights, "finish", lambda version: finish("7"))
            with pytest.raises(RunStoppedError, match="its weights are version '7', not 1"):
                await publish(engine, 1, tmp_path)

    run(main())


def test_a_publish_without_a_probe_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet() as servers, engine_of(servers, tmp_path) as engine:
            with pytest.raises(ConfigError, match="probe"):
                await engine.publish(weights_of(1), 1)
            await engine.generate([1], PARAMS, "a")  # nothing happened

    run(main())


def test_a_trainer_that_fails_to_send_stops_the_run(tmp_path: Path) -> None:
    class Broken(Broadcaster):
        def broadcast(self, tensors: Any) -> None:
            raise RuntimeError("NCCL error: unhandled system error")

    async def main() -> None:
        broken = Broken()
        options: dict[str, Any] = {"publish": "nccl", "communicator": lambda: broken}
        async with fleet() as servers, engine_of(servers, tmp_path, **options) as engine:
            with pytest.raises(RunStoppedError, match=r"trainer's side .* unhandled system error"):
                await publish(engine, 1, tmp_path)
            Broadcaster.broadcast(broken, [torch.zeros(1)])  # lets the server's thread go

    run(main())


def test_what_a_server_says_is_heard_while_the_broadcast_hangs(tmp_path: Path) -> None:
    """Another server waits for tensors that never come: NCCL itself would never return."""
    sent = threading.Event()

    class Hanging(Broadcaster):
        def broadcast(self, tensors: Any) -> None:
            sent.wait()

    async def main() -> None:
        hanging = Hanging()
        options: dict[str, Any] = {"publish": "nccl", "communicator": lambda: hanging}
        async with fleet(replicas=2) as servers, engine_of(servers, tmp_path, **options) as engine:
            servers[1].faults.refuse_publish = True
            with pytest.raises(RunStoppedError, match=rf"receiving weights failed at {servers[1].url}.*out of memory"):
                await publish(engine, 1, tmp_path)
            sent.set()
            Broadcaster.broadcast(hanging, [torch.zeros(1)])

    run(main())


def test_a_publish_that_is_cut_off_leaves_nothing_running(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet() as servers, engine_of(servers, tmp_path, update="wait") as engine:
            turn = asyncio.create_task(engine.generate([1], PARAMS, "a"))
            servers[0].scheduler.open.clear()  # it stands still, and the publish waits for the turn
            await servers[0].scheduler.until(lambda: bool(servers[0].scheduler.waiting))
            publishing = asyncio.create_task(publish(engine, 1, tmp_path))
            await asyncio.wait({publishing}, timeout=0.3)
            publishing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await publishing
            servers[0].scheduler.open.set()
            with pytest.raises(RunStoppedError, match="publish failed"):
                await engine.generate([1], PARAMS, "a")
            await turn  # it began before, with the old weights, and ended with them
            with pytest.raises(RunStoppedError, match="publish failed"):
                await engine.generate([1], PARAMS, "a")

    run(main())


def test_a_reload_that_does_nothing_is_seen_when_the_policy_moves_by_little(tmp_path: Path) -> None:
    """The real model, one small step: every distance is within the tolerance."""
    transformers = require("transformers")
    from agentrl.agents.vllm.fake.model import ModelPolicy

    torch.manual_seed(0)
    config = transformers.Qwen3Config(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=128, tie_word_embeddings=True,
    )  # fmt: skip
    model = transformers.Qwen3ForCausalLM(config)
    model.save_pretrained(tmp_path / "model")
    ids = torch.tensor([list(range(20))])

    def step() -> tuple[dict[str, Any], Probe]:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 1e-4 * torch.randn_like(parameter)
            logprobs = model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
        return model.state_dict(), Probe(tuple(ids[0].tolist()), tuple(logprobs.tolist()))

    async def main() -> None:
        server = FakeServer("0.32.0", ModelPolicy(tmp_path / "model"))
        async with server, engine_of([server], tmp_path) as engine:
            for version in (1, 2):
                weights, probe = step()
                report = await engine.publish(weights, version, probe)
                assert report.gap < 1e-5
            server.faults.ignore_publish = True
            weights, probe = step()
            with pytest.raises(RunStoppedError, match=r"nearer to version 2 .* the update did nothing there"):
                await engine.publish(weights, 3, probe)

    run(main())
