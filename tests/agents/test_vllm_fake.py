"""The strict fake of the vLLM server: routes, bodies, pauses, weights and faults of each release."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require

for component in ("aiohttp", "fastapi", "uvicorn", "torch", "transformers", "peft"):
    require(component)

import aiohttp
import torch
from safetensors.torch import save_file
from transformers import Qwen2Config, Qwen2ForCausalLM

from agentrl.agents.vllm import replies, wire
from agentrl.agents.vllm.capabilities import VLLMCapabilities, parse_version, probe
from agentrl.agents.vllm.fake import RELEASES, FakeServer, ScriptedPolicy
from agentrl.agents.vllm.fake.channel import Communicator
from agentrl.agents.vllm.fake.model import ModelPolicy
from agentrl.errors import UnknownNameError
from agentrl.types import SamplingParams

FACTS = Path(__file__).parents[1] / "fixtures" / "vllm_routes"
ALL = {"enable_lora": True, "enable_scale_out": True}
LONG = SamplingParams(max_tokens=10_000, seed=1)


class Client:
    """A server and a connection to it."""

    def __init__(self, server: FakeServer, http: aiohttp.ClientSession) -> None:
        self.server, self.http = server, http

    async def send(self, call: wire.Call) -> tuple[int, Any]:
        async with self.http.request(call.method, call.path, json=call.body, params=call.query) as reply:
            return reply.status, await (reply.json() if reply.content_type == "application/json" else reply.text())

    async def ok(self, call: wire.Call) -> Any:
        status, reply = await self.send(call)
        assert status == 200, reply
        return reply

    async def sample(self, params: SamplingParams, model: str = "policy") -> replies.Sampled:
        reply = await self.ok(wire.completion(model, [1, 2, 3], params, salt="v0", request_id="a"))
        return replies.completion(reply, params.max_tokens)

    async def spans(self, params: SamplingParams) -> replies.Sampled:
        reply = await self.ok(wire.generate("policy", [1, 2, 3], params, salt="v0", request_id="a"))
        return replies.generate(reply, params.max_tokens)

    async def score(self, ids: list[int], model: str = "policy") -> tuple[float, ...]:
        return replies.scores(await self.ok(wire.score(model, ids, salt="v0")), ids)

    async def capabilities(self) -> VLLMCapabilities:
        async def get(path: str) -> tuple[int, Any]:
            return await self.send(wire.Call(path, method="GET"))

        return await probe(get)


@asynccontextmanager
async def fake(release: str = "0.32.0", policy: Any = None, **flags: Any) -> AsyncIterator[Client]:
    server = FakeServer(release, policy or ScriptedPolicy(), **flags)
    # vLLM closes a connection after it answered 500 to a failure of its workers.
    connector = aiohttp.TCPConnector(force_close=True)
    async with server, aiohttp.ClientSession(server.url, connector=connector) as http:
        yield Client(server, http)


def facts(release: str) -> dict[str, Any]:
    """Of the real release; 0.33 is known from its repository alone."""
    known: dict[str, Any] = json.loads((FACTS / f"{'0.32.0' if release == '0.33.0' else release}.json").read_text())
    return known


# -- routes and bodies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
def test_routes_and_capabilities_are_those_of_the_real_release(release: str) -> None:
    from agentrl.agents.vllm.capabilities import parse_capabilities

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


async def publish(
    client: Client, caps: VLLMCapabilities, tensors: dict[str, torch.Tensor], *, packed: bool = False
) -> None:
    """As a trainer does over NCCL, with the stand-in in its place."""
    size = 1 + replies.world_size(await client.ok(wire.WORLD_SIZE))
    group = {"address": "127.0.0.1", "port": client.server.port}
    init = asyncio.create_task(
        client.ok(wire.init_transfer(caps, **group, rank_offset=1, world_size=size, packed=packed))  # type: ignore[arg-type]
    )
    trainer = await asyncio.to_thread(Communicator, "127.0.0.1", client.server.port, 0, size)
    await init
    await client.ok(wire.start_update(caps))
    await client.ok(await sending(trainer, caps, tensors, packed=packed))
    await client.ok(wire.finish_update(caps, 7))
    trainer.close()


async def sending(
    trainer: Communicator, caps: VLLMCapabilities, tensors: dict[str, torch.Tensor], *, packed: bool
) -> wire.Call:
    if packed:
        trainer.broadcast(torch.cat([t.reshape(-1).view(torch.uint8) for t in tensors.values()]))
    else:
        for tensor in tensors.values():
            trainer.broadcast(tensor)
    told = wire.Tensors(
        tuple(tensors),
        tuple(str(t.dtype).removeprefix("torch.") for t in tensors.values()),
        tuple(tuple(t.shape) for t in tensors.values()),
    )
    return wire.update_weights(caps, told, packed=packed)


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


# -- weights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
def test_updates_out_of_order_fail_as_in_vllm(release: str) -> None:
    tensors = {"a": torch.ones(2)}

    async def play() -> None:
        async with fake(release) as client:
            caps = await client.capabilities()
            told = wire.Tensors(("a",), ("float32",), ((2,),))
            for call in (wire.update_weights(caps, told, packed=False), wire.finish_update(caps, 1)):
                assert (await client.send(call))[0] == 500
            await publish(client, caps, tensors)
            await client.ok(wire.start_update(caps))
            status, reply = await client.send(wire.start_update(caps))
            assert status == 500
            assert "already active" in replies.message(reply)
            assert client.server.weights.updates == 1

    asyncio.run(play())


@pytest.mark.parametrize("fault", ["packed", "shape", "dtype"])
@pytest.mark.parametrize("release", ["0.22.0", "0.24.0", "0.32.0"])
def test_tensors_other_than_announced_fail(release: str, fault: str) -> None:
    tensors = {"a": torch.ones(2), "b": torch.ones(4)}

    async def play() -> None:
        async with fake(release) as client:
            caps = await client.capabilities()
            await publish(client, caps, tensors)
            trainer = Communicator("127.0.0.1", 1, 0, 1)
            trainer._group = client.server.weights._group._group  # type: ignore[union-attr]
            await client.ok(wire.start_update(caps))
            call = await sending(trainer, caps, tensors, packed=fault == "packed")
            info = dict(call.body["update_info"])  # type: ignore[index]
            if fault == "packed" and not caps.packed_in_init:
                info["packed"] = False
            elif fault == "shape":
                info["shapes"] = [[4], [2]]
            elif fault == "dtype":
                info["dtype_names"] = ["float16", "float16"]
            status, reply = await client.send(wire.Call(call.path, {"update_info": info}))
            assert (status, "would hang" in replies.message(reply)) == (500, True)
            # A failed update ends in later releases only.
            assert (await client.send(wire.start_update(caps)))[0] == (500 if release == "0.22.0" else 200)

    asyncio.run(play())


def test_a_server_without_weight_transfer_says_so() -> None:
    async def play() -> None:
        async with fake(weight_transfer=False) as client:
            status, reply = await client.send(wire.start_update(await client.capabilities()))
            assert status == 500
            assert "not configured" in replies.message(reply)

    asyncio.run(play())


def test_adapters_that_are_not_there_or_there_twice(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    save_file({"x": torch.ones(1)}, tmp_path / "adapter_model.safetensors")

    async def play() -> None:
        async with fake(**ALL) as client:
            caps = await client.capabilities()
            assert (await client.send(wire.load_lora(caps, "p-1", str(tmp_path / "none"))))[0] == 404
            await client.ok(wire.load_lora(caps, "p-1", str(tmp_path)))
            assert (await client.send(wire.load_lora(caps, "p-1", str(tmp_path))))[0] == 400
            assert (await client.send(wire.load_lora(caps, "policy", str(tmp_path))))[0] == 400
            assert (await client.send(wire.unload_lora(caps, "p-2")))[0] == 404

    asyncio.run(play())


# -- policies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_the_scripted_policy_samples_from_the_distribution_that_it_reports(temperature: float) -> None:
    async def play() -> None:
        async with fake(policy=ScriptedPolicy(4)) as client:
            params = SamplingParams(temperature=temperature, max_tokens=1)
            drawn = await asyncio.gather(*(client.sample(replace(params, seed=i)) for i in range(600)))
            expected = {s.token_ids[0]: 600 * 2.718281828459045 ** s.logprobs[0] for s in drawn}
            counts = Counter(s.token_ids[0] for s in drawn)
            assert sum(expected.values()) == pytest.approx(600)
            assert sum((counts[t] - e) ** 2 / e for t, e in expected.items()) < 16.3  # χ² of 3 degrees, p = 0.001

    asyncio.run(play())


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """More threads only get into each other's way on models this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("first"), seed=0)


def save_model(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=40,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        initializer_range=0.3,
        eos_token_id=7,
    )
    Qwen2ForCausalLM(config).save_pretrained(path)
    return path


def logprobs(model: Any, ids: list[int], temperature: float = 1.0) -> list[float]:
    with torch.no_grad():
        table = torch.log_softmax(model(torch.tensor([ids])).logits[0] / temperature, -1)
    return [float(table[i - 1, ids[i]]) for i in range(1, len(ids))]


@pytest.mark.parametrize("mode", ["processed_logprobs", "raw_logprobs"])
def test_a_model_samples_with_its_own_logprobs(folder: Path, mode: str) -> None:
    model = Qwen2ForCausalLM.from_pretrained(folder)
    params = SamplingParams(temperature=0.6, max_tokens=20, seed=3)

    async def play() -> None:
        async with fake(policy=ModelPolicy(folder), logprobs_mode=mode) as client:
            alone = await client.sample(params)
            together = await asyncio.gather(*(client.sample(replace(params, seed=i)) for i in range(5)))
            assert together[3].token_ids == alone.token_ids
            assert len({s.token_ids for s in together}) == 5
            ids = [1, 2, 3, *alone.token_ids]
            exact = logprobs(model, ids, 0.6 if mode == "processed_logprobs" else 1.0)
            assert alone.logprobs == pytest.approx(exact[2:], abs=1e-4)
            assert await client.score(ids) == pytest.approx(logprobs(model, ids), abs=1e-4)
            greedy = await client.sample(replace(params, temperature=0.0, seed=None))
            assert greedy.logprobs == pytest.approx(logprobs(model, [1, 2, 3, *greedy.token_ids])[2:], abs=1e-4)

    asyncio.run(play())


def test_ends_of_text_stop_unless_ignored_and_stop_tokens_belong_to_the_completion(folder: Path) -> None:
    async def play() -> None:
        async with fake(policy=ModelPolicy(folder)) as client:
            free = await client.sample(SamplingParams(max_tokens=100, seed=1))
            assert 7 in free.token_ids[:-1]
            call = wire.completion("policy", [1, 2, 3], SamplingParams(max_tokens=100, seed=1), salt="v0")
            ended = replies.completion(
                await client.ok(replace(call, body=dict(call.body or {}, ignore_eos=False))), 100
            )
            first = free.token_ids.index(7) + 1
            assert (ended.token_ids, ended.finish_reason) == (free.token_ids[:first], "stop")
            stop = free.token_ids[2]
            stopped = await client.sample(SamplingParams(max_tokens=100, seed=1, stop_token_ids=(stop,)))
            assert stopped.token_ids == free.token_ids[: free.token_ids.index(stop) + 1]

    asyncio.run(play())


def test_a_model_takes_weights_by_folder_by_transfer_and_as_adapter(folder: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    ids = [3, 1, 4, 1, 5, 9, 2, 6]
    second = Qwen2ForCausalLM.from_pretrained(save_model(tmp_path / "second", seed=1))
    third = Qwen2ForCausalLM.from_pretrained(save_model(tmp_path / "third", seed=2))
    adapted = get_peft_model(
        Qwen2ForCausalLM.from_pretrained(folder),
        LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj", "down_proj"], init_lora_weights=False),
    )
    adapted.save_pretrained(str(tmp_path / "adapter"))

    async def play() -> None:
        async with fake(policy=ModelPolicy(folder), **ALL) as client:
            caps = await client.capabilities()
            await client.ok(wire.load_lora(caps, "policy-1", str(tmp_path / "adapter")))
            base = logprobs(Qwen2ForCausalLM.from_pretrained(folder), ids)
            assert await client.score(ids) == pytest.approx(base, abs=1e-4)
            assert await client.score(ids, "policy-1") == pytest.approx(logprobs(adapted, ids), abs=1e-4)
            await client.ok(wire.reload_weights(caps, str(tmp_path / "second")))
            assert await client.score(ids) == pytest.approx(logprobs(second, ids), abs=1e-4)
            await publish(client, caps, {n: p.detach() for n, p in third.named_parameters()}, packed=True)
            assert await client.score(ids) == pytest.approx(logprobs(third, ids), abs=1e-4)
            assert (await client.send(wire.reload_weights(caps, str(tmp_path))))[0] == 500
            wrong = wire.Call("/collective_rpc", {"method": "save_sharded_state"})
            assert (await client.send(wrong))[0] == 500

    asyncio.run(play())


# -- faults ----------------------------------------------------------------------------------------------------------


def test_refused_ignored_and_half_publishes(folder: Path, tmp_path: Path) -> None:
    save_model(tmp_path, seed=1)
    ids = [3, 1, 4, 1, 5]

    async def play() -> None:
        async with fake(policy=ModelPolicy(folder)) as client:
            caps = await client.capabilities()
            old = await client.score(ids)
            client.server.faults.refuse_publish = True
            assert (await client.send(wire.reload_weights(caps, str(tmp_path))))[0] == 500
            client.server.faults.refuse_publish = False
            client.server.faults.ignore_publish = True
            await client.ok(wire.reload_weights(caps, str(tmp_path)))
            assert await client.score(ids) == old
            client.server.faults.ignore_publish = False
            client.server.faults.half_publish = True
            await client.ok(wire.reload_weights(caps, str(tmp_path)))
            mixed = await client.score(ids)
            client.server.faults.half_publish = False
            await client.ok(wire.reload_weights(caps, str(tmp_path)))
            assert len({old, mixed, await client.score(ids)}) == 3

    asyncio.run(play())


def test_a_switched_logprob_mode() -> None:
    async def play() -> None:
        async with fake() as client:
            params = SamplingParams(temperature=0.5, max_tokens=20, seed=1)
            processed = await client.sample(params)
            client.server.faults.raw_logprobs = True
            raw = await client.sample(params)
            assert raw.token_ids == processed.token_ids
            assert raw.logprobs != processed.logprobs

    asyncio.run(play())


def test_errors_drops_and_hanging_pass_when_they_are_over() -> None:
    async def play() -> None:
        async with fake() as client:
            sampling = wire.completion("policy", [1], SamplingParams(max_tokens=4), salt="v0")
            client.server.faults.errors, client.server.faults.drops = 2, 1
            assert [(await client.send(sampling))[0] for _ in range(2)] == [500, 500]
            with pytest.raises(aiohttp.ClientError):
                await client.send(sampling)
            assert (await client.send(sampling))[0] == 200
            client.server.faults.answering.clear()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.send(wire.HEALTH), 0.1)
            client.server.faults.answering.set()
            await client.ok(wire.HEALTH)

    asyncio.run(play())


def test_sudden_death_breaks_requests_and_refuses_new_ones() -> None:
    async def play() -> None:
        async with fake() as client:
            running = asyncio.create_task(client.sample(LONG))
            await client.server.in_flight(1)
            await client.server.die()
            with pytest.raises(aiohttp.ClientError):
                await running
            with pytest.raises(aiohttp.ClientConnectorError):
                await client.send(wire.HEALTH)

    asyncio.run(play())


def test_death_in_the_middle_of_a_request() -> None:
    async def play() -> None:
        async with fake() as client:
            caps = await client.capabilities()
            client.server.faults.die_at = "/collective_rpc"
            with pytest.raises(aiohttp.ClientError):
                await client.send(wire.reload_weights(caps, "/x"))
            with pytest.raises(aiohttp.ClientConnectorError):
                await client.send(wire.HEALTH)

    asyncio.run(play())


def test_death_while_the_trainer_is_waited_for() -> None:
    async def play() -> None:
        async with fake() as client:
            caps = await client.capabilities()
            group = {"address": "127.0.0.1", "port": client.server.port}
            init = wire.init_transfer(caps, **group, rank_offset=1, world_size=2, packed=False)  # type: ignore[arg-type]
            joining = asyncio.create_task(client.send(init))
            await client.ok(wire.HEALTH)
            assert not joining.done()
            await client.server.die()
            with pytest.raises(aiohttp.ClientError):
                await joining

    begun = time.perf_counter()
    asyncio.run(play())
    assert time.perf_counter() - begun < 10


def test_a_process_of_its_own(folder: Path) -> None:
    command = [sys.executable, "-m", "agentrl.agents.vllm.fake", "--release", "0.28.0", "--dev-mode", "--port", "0"]

    async def play() -> None:
        process = await asyncio.create_subprocess_exec(*command, "--model", str(folder), stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        try:
            url = (await process.stdout.readline()).decode().strip()
            async with aiohttp.ClientSession(url) as http:
                async with http.get("/v1/models") as reply:
                    assert replies.models(await reply.json()) == replies.Served((str(folder),), 128)
                async with http.get("/version") as reply:
                    assert await reply.json() == {"version": "0.28.0"}
                os.kill(process.pid, signal.SIGKILL)
                await process.wait()
                with pytest.raises(aiohttp.ClientError):
                    await http.get("/health")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    asyncio.run(play())
