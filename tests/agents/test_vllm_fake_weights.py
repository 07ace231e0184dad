"""The strict fake of the vLLM server: its weights, its policies and what can go wrong with it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
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
from agentrl.agents.vllm.fake import RELEASES, ScriptedPolicy
from agentrl.agents.vllm.fake.channel import Communicator
from agentrl.agents.vllm.fake.model import ModelPolicy
from agentrl.types import SamplingParams
from tests.fixtures.vllm_client import ALL, LONG, fake, publish, sending

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
