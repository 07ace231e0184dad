"""Adapters, published to a real vLLM server under new names; and what the doctor says of it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
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
from tests.vllm.test_vllm_contract import PARAMS, PROMPT, check, play

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


def test_the_doctor_finds_it_fit(qwen3: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(app, ["doctor", "--engine", *qwen3.urls, "--json"]) == 0
    found = {f["name"]: f["detail"] for f in json.loads(capsys.readouterr().out)}
    assert re.match(r"vLLM 0\.\d+", found["version"])
    assert found["model"] == f"{qwen3.model}, 2048 tokens of context"
    assert found["log-prob mode"].startswith("processed")
    assert found["prompt ids"] == "come back as sent"
    assert float(re.findall(r"\d\.\de[+-]\d+", found["token exactness"])[0]) < 1e-4
    assert "lora" in found["ways to publish"]
