"""The strict fake of the vLLM server: routes, bodies and pauses of each release."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require

for component in ("aiohttp", "fastapi", "uvicorn", "torch", "transformers", "peft"):
    require(component)

import torch
from safetensors.torch import save_file

from agentrl.agents.vllm import replies, wire
from agentrl.agents.vllm.capabilities import parse_capabilities, parse_version
from agentrl.agents.vllm.fake import RELEASES, FakeServer, ScriptedPolicy
from agentrl.errors import UnknownNameError
from agentrl.types import SamplingParams
from tests.fixtures.vllm_client import ALL, LONG, fake, publish

FACTS = Path(__file__).parents[1] / "fixtures" / "vllm_routes"


def facts(release: str) -> dict[str, Any]:
    """Of the real release; 0.33 is known from its repository alone."""
    known: dict[str, Any] = json.loads((FACTS / f"{'0.32.0' if release == '0.33.0' else release}.json").read_text())
    return known


# -- routes and bodies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
def test_routes_and_capabilities_are_those_of_the_real_release(release: str) -> None:
    async def play() -> None:
        async with fake(release, **ALL) as client:
            document = await client.ok(wire.Call("/openapi.json", method="GET"))
            caps = await client.capabilities()
        real = facts(release)["openapi"]
        for path, methods in document["paths"].items():
            assert set(methods) <= set(real["paths"][path]), path
        expected = parse_capabilities(release, real)
        assert caps == replace(expected, features=expected.features - {"tokenize"})

    asyncio.run(play())


def test_an_unknown_release() -> None:
    with pytest.raises(UnknownNameError, match=r"0\.32"):
        FakeServer("0.32.1", ScriptedPolicy())


@pytest.mark.parametrize("release", RELEASES)
def test_without_flags_there_are_no_routes_for_weights(release: str) -> None:
    async def play() -> None:
        async with fake(release, ScriptedPolicy(), **ALL) as full, fake(release, dev_mode=False) as bare:
            caps = await full.capabilities()
            assert not (await bare.capabilities()).features - {"completions", "generate"}
            for call in (wire.pause(caps, "abort", clear_cache=True), wire.start_update(caps), wire.WORLD_SIZE):
                assert (await bare.send(call))[0] == 404
            assert (await bare.send(wire.load_lora(caps, "a", "/b")))[0] == 404
            status, reply = await bare.send(wire.generate("policy", [1], SamplingParams(), salt="v0"))
            assert status == (403 if parse_version(release) >= (0, 30) else 200)
            if status == 403:
                assert "--enable-scale-out" in replies.message(reply)

    asyncio.run(play())


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("release", RELEASES)
def test_every_request_in_the_form_of_the_release_is_taken(release: str, packed: bool, tmp_path: Path) -> None:
    tensors = {"a.weight": torch.arange(6.0, dtype=torch.bfloat16).view(2, 3), "b": torch.tensor(2.0)}
    twin = ScriptedPolicy()
    twin.load_tensors(tensors)
    save_file(tensors, tmp_path / "model.safetensors")
    save_file(tensors, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text("{}")

    async def play() -> None:
        async with fake(release, **ALL) as client:
            caps = await client.capabilities()
            send = client.ok
            await client.sample(SamplingParams(max_tokens=4, stop_token_ids=(5,), seed=1))
            await client.spans(SamplingParams(max_tokens=4))
            before = await client.score([1, 2, 3])
            for mode in ("abort", "wait", "keep"):
                await send(wire.pause(caps, mode, clear_cache=True))  # type: ignore[arg-type]
                assert replies.is_paused(await send(wire.is_paused(caps)))
            await publish(client, caps, tensors, packed=packed)
            await send(wire.reset_prefix_cache(caps))
            await send(wire.resume(caps))
            assert await client.score([1, 2, 3]) == pytest.approx(twin.score([1, 2, 3], None)) != before
            if caps.has("weight_version"):
                assert replies.weight_version(await send(wire.WEIGHT_INFO)) == "7"
                await send(wire.update_weight_version(caps, 8))
                assert replies.weight_version(await send(wire.WEIGHT_INFO)) == "8"
            if caps.has("abort_requests"):
                await send(wire.abort_requests(caps, ["nobody"]))
            await send(wire.load_lora(caps, "policy-7", str(tmp_path)))
            assert replies.models(await send(wire.MODELS)) == replies.Served(("policy", "policy-7"), 1 << 15)
            assert await client.score([1, 2, 3], "policy-7") != await client.score([1, 2, 3])
            await send(wire.unload_lora(caps, "policy-7"))
            (tmp_path / "adapter_model.safetensors").unlink()
            await send(wire.reload_weights(caps, str(tmp_path)))
            assert await client.score([1, 2, 3]) == pytest.approx(twin.score([1, 2, 3], None))
            await send(wire.HEALTH)

    asyncio.run(play())


@pytest.mark.parametrize("release", RELEASES)
def test_the_bodies_of_another_release_are_refused(release: str) -> None:
    tensors = wire.Tensors(("a",), ("float32",), ((1,),))

    async def play() -> None:
        async with fake(release) as client:
            caps = await client.capabilities()
            wrong_start = replace(caps, start_takes_format=not caps.start_takes_format)
            assert (await client.send(wire.start_update(wrong_start)))[0] == 400
            await client.ok(wire.start_update(caps))
            foreign = replace(caps, packed_in_init=not caps.packed_in_init)
            if caps.packed_in_init:
                status, reply = await client.send(wire.update_weights(foreign, tensors, packed=True))
                await client.ok(wire.start_update(caps))
            else:
                init = wire.init_transfer(foreign, address="x", port=1, rank_offset=1, world_size=1, packed=True)
                status, reply = await client.send(init)
            assert (status, "packed" in replies.message(reply)) == (500, True)
            status, _ = await client.send(wire.finish_update(replace(caps, finish_takes_version=True), 7))
            assert status == (200 if caps.finish_takes_version else 400)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": [1], "retrun_token_ids": True}),
        ("/v1/completions", {"prompt": [1], "max_tokens": "8"}),
        ("/v1/completions", {"prompt": [-1]}),
        ("/v1/completions", {"prompt": []}),
        ("/v1/completions", {"prompt": [1], "priority": 1}),
        ("/v1/completions", {"prompt": [1], "top_k": 20}),
        ("/v1/completions", {"prompt": [1], "cache_salt": "a/b"}),
        ("/v1/completions", {"prompt": [1], "seed": 1 << 63}),
        ("/inference/v1/generate", {"token_ids": [1]}),
        ("/inference/v1/generate", {"token_ids": [1], "sampling_params": {"return_token_ids": True}}),
        ("/collective_rpc", {"method": "reload_weights", "arguments": {}}),
        ("/update_weights", {"names": []}),
        ("/update_weight_version", {"new_version": 7}),
        ("/v1/load_lora_adapter", {"lora_name": "a"}),
        ("/abort_requests", {"request_ids": "a"}),
    ],
)
def test_wrong_keys_and_types_are_refused(path: str, body: dict[str, Any]) -> None:
    async def play() -> None:
        async with fake(**ALL) as client:
            assert (await client.send(wire.Call(path, body)))[0] == 400

    asyncio.run(play())


def test_what_does_not_exist_or_does_not_fit() -> None:
    async def play() -> None:
        async with fake(policy=ScriptedPolicy(max_context=8)) as client:
            reply = await client.send(wire.completion("policy-9", [1], LONG, salt="v0"))
            assert reply[0] == 404
            assert (await client.send(wire.completion("policy", [1] * 8, LONG, salt="v0")))[0] == 400
            cut = await client.sample(LONG)
            assert (len(cut.token_ids), cut.finish_reason) == (5, "length")

    asyncio.run(play())


@pytest.mark.parametrize("release", RELEASES)
def test_the_api_key_guards_some_prefixes_only(release: str) -> None:
    async def play() -> None:
        async with fake(release, api_key="secret", **ALL) as client:
            sampling = wire.completion("policy", [1], SamplingParams(max_tokens=1), salt="v0")
            status, reply = await client.send(sampling)
            assert (status, replies.message(reply)) == (401, "Unauthorized")
            assert (await client.send(wire.MODELS))[0] == 401
            caps = await client.capabilities()  # /version and /openapi.json are open, and so are the weights
            await client.ok(wire.reset_prefix_cache(caps))
            client.http.headers["Authorization"] = "Bearer secret"
            await client.ok(sampling)

    asyncio.run(play())


# -- pauses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
def test_abort_gives_the_tokens_so_far_and_new_requests_wait_or_are_refused(release: str) -> None:
    async def play() -> None:
        async with fake(release) as client:
            caps = await client.capabilities()
            running = asyncio.create_task(client.sample(LONG))
            await client.server.in_flight(1, tokens=3)
            await client.ok(wire.pause(caps, "abort", clear_cache=True))
            cut = await running
            assert cut.finish_reason == "abort"
            assert len(cut.token_ids) >= 3
            late = asyncio.create_task(client.send(wire.completion("policy", [1], SamplingParams(), salt="v0")))
            if parse_version(release) >= (0, 33):
                assert (await late)[0] == 503
            else:
                await client.server.scheduler.until(lambda: len(client.server.scheduler.waiting) == 1)
            await client.ok(wire.resume(caps))
            assert (await late)[0] == (503 if parse_version(release) >= (0, 33) else 200)

    asyncio.run(play())


def test_wait_lets_requests_end() -> None:
    async def play() -> None:
        async with fake(policy=ScriptedPolicy(latency_s=0.001)) as client:
            running = asyncio.create_task(client.sample(SamplingParams(max_tokens=50)))
            await client.server.in_flight(1)
            await client.ok(wire.pause(await client.capabilities(), "wait", clear_cache=True))
            assert running.done() or len((await running).token_ids) == 50
            assert not client.server.scheduler.running

    asyncio.run(play())


def test_keep_freezes_and_goes_on_with_the_new_weights() -> None:
    async def play() -> None:
        async with fake(enable_scale_out=True) as client:
            caps = await client.capabilities()
            running = asyncio.create_task(client.spans(replace(LONG, max_tokens=2000)))
            await client.server.in_flight(1, tokens=5)
            await client.ok(wire.pause(caps, "keep", clear_cache=False))
            (frozen,) = client.server.scheduler.running
            count = len(frozen.tokens)
            await publish(client, caps, {"a": torch.ones(2)})
            assert len(frozen.tokens) == count
            await client.ok(wire.resume(caps))
            done = await running
            assert done.labels == ("default",) * count + ("7",) * (2000 - count)
            twin = ScriptedPolicy()
            ids = [1, 2, 3, *done.token_ids]
            old = twin.score(ids, None)[2 : 2 + count]
            twin.load_tensors({"a": torch.ones(2)})
            assert done.logprobs == pytest.approx(old + twin.score(ids, None)[2 + count :])

    asyncio.run(play())


def test_single_requests_are_aborted_by_their_ids() -> None:
    async def play() -> None:
        async with fake(enable_scale_out=True) as client:
            caps = await client.capabilities()
            one = asyncio.create_task(client.sample(LONG))
            two = asyncio.create_task(client.spans(LONG))
            await client.server.in_flight(2)
            await client.ok(wire.abort_requests(caps, ["b"]))
            assert len(client.server.scheduler.running) == 2
            await client.ok(wire.abort_requests(caps, ["a"]))
            assert {(await one).finish_reason, (await two).finish_reason} == {"abort"}

    asyncio.run(play())


def test_a_client_that_hangs_up_costs_nothing_more() -> None:
    async def play() -> None:
        async with fake() as client:
            running = asyncio.create_task(client.sample(LONG))
            await client.server.in_flight(1)
            running.cancel()
            await asyncio.wait_for(client.server.scheduler.until(lambda: not client.server.scheduler.running), 5)

    asyncio.run(play())
