"""Adapters, published to a real vLLM server under new names; and what the doctor says of it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import require

for component in ("torch", "transformers", "aiohttp", "peft"):
    require(component)
import peft
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from agentrl.agents.vllm.engine import VLLMEngine
from agentrl.cli.app import app
from agentrl.cli.errors import exit_code
from agentrl.trainers.rollout import probe_of
from tests.vllm.conftest import Served
from tests.vllm.test_vllm_contract import CLOSE, PARAMS, PROMPT, check, logprobs, play

RANK, ALPHA = 4, 8


def adapted(folder: Path, seed: int) -> PreTrainedModel:
    torch.manual_seed(seed)
    options = peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM")
    model: PreTrainedModel = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(folder), options)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.1)
    return model.eval()


def test_each_version_is_an_adapter_of_its_own(qwen3: Served, tmp_path: Path) -> None:
    models = {version: adapted(qwen3.model, version) for version in (1, 2, 3)}

    async def main(engine: VLLMEngine) -> None:
        # Nothing runs during a publish: vLLM's adapters for CPUs end when it scores and samples in one batch.
        assert engine.takes == "adapters"
        for version, model in models.items():
            report = await engine.publish(peft.get_peft_model_state_dict(model), version, probe_of(model, PROMPT))
            assert report.gap < 2e-3
            short = await engine.generate(PROMPT, PARAMS, "short")
            assert set(short.versions) == {version}
            check(short, models, PARAMS.temperature)
        long = [dataclasses.replace(PARAMS, max_tokens=300, seed=i) for i in range(4)]
        for turn in await asyncio.gather(*(engine.generate(PROMPT, p, f"s{p.seed}") for p in long)):
            assert set(turn.versions) == {3}
            check(turn, models, PARAMS.temperature)

    play(qwen3, tmp_path, main, lora_alpha=ALPHA)


def test_the_rows_of_a_tree_share_the_cache(qwen3: Served, tmp_path: Path) -> None:
    """All requests of a tree but the first find its prompt there, in blocks of 128 tokens."""
    require("rapidfuzz")
    from agentrl.agents.lookahead.options import TokenOptions

    model = AutoModelForCausalLM.from_pretrained(qwen3.model).eval()
    prompt = [5 + i * 7 % 200 for i in range(280)]
    options = TokenOptions(tau_abs=0.001, tau_rel=0.9, lookahead=(4, 8))
    params = dataclasses.replace(PARAMS, temperature=1.0, max_tokens=32)

    async def main(engine: VLLMEngine) -> None:
        before = await asyncio.to_thread(counted, *qwen3.urls)
        branched = await engine.branch(prompt, params, [f"t/{i}" for i in range(6)], options)
        after = await asyncio.to_thread(counted, *qwen3.urls)
        requests, sampled, hits = (b - a for a, b in zip(before, after, strict=True))
        assert branched.record["branched"] > 3
        assert hits >= (requests - 1) * 256
        # Nothing is sampled in vain; the first token of a branch is a likely one of another row's request.
        assert sampled == branched.record["tokens"] - branched.record["branched"]
        for completion in branched.completions:
            expected = logprobs(model, prompt, completion.token_ids, 1.0)
            torch.testing.assert_close(torch.tensor(completion.logprobs), expected, atol=CLOSE, rtol=0)

    play(qwen3, tmp_path, main, lora_alpha=ALPHA)


def counted(url: str) -> tuple[float, float, float]:
    """Requests that a server has ended in its life, tokens that it sampled for them, tokens found in its cache."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        said = answer.read().decode()
    names = ("request_success", "generation_tokens", "prefix_cache_hits")
    requests, sampled, hits = (
        sum(float(n) for n in re.findall(rf"^vllm:{name}_total\{{.*\}} (\S+)$", said, re.M)) for name in names
    )
    return requests, sampled, hits


def test_the_doctor_finds_it_fit(qwen3: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(app, ["doctor", "--engine", *qwen3.urls, "--json"]) == 0
    found = {f["name"]: f["detail"] for f in json.loads(capsys.readouterr().out)}
    assert re.match(r"vLLM 0\.\d+", found["version"])
    assert found["model"] == f"{qwen3.model}, 2048 tokens of context"
    assert found["log-prob mode"].startswith("processed")
    assert found["prompt ids"] == "come back as sent"
    assert float(re.findall(r"\d\.\de[+-]\d+", found["token exactness"])[0]) < 1e-4
    assert "lora" in found["ways to publish"]
