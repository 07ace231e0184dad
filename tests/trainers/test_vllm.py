"""A checkpoint of the main job's architecture is served by stock vLLM, with the log-probs that the trainer computes.

vLLM pins its own versions and lives in an environment of its own: `make .venv-vllm/.done`, or AGENTRL_VLLM_PYTHON.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require

torch = require("torch")
require("transformers")

from transformers import AutoModelForCausalLM

from agentrl.config import ModelConfig
from agentrl.trainers.checkpoint import save_policy
from agentrl.trainers.scratch import build_model, train_tokenizer

PYTHON = Path(os.environ.get("AGENTRL_VLLM_PYTHON") or Path(__file__).parents[2] / ".venv-vllm/bin/python")
TEXTS = [f"You are at shelf {i}. On the shelf {i}, you see a apple {i}, and a pen 1.\n" for i in range(1, 6)]


def post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vllm") / "checkpoint"
    shape = ModelConfig(architecture="lfm2", hidden_size=128, layers=4, heads=4, kv_heads=2, conv_layers=(0,))
    tokenizer = train_tokenizer(TEXTS, 300)
    model = build_model(shape, tokenizer, seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)  # else every token is about as likely as any other
    save_policy(folder, model, model.state_dict(), tokenizer)
    return folder


@pytest.fixture(scope="module")
def server(checkpoint: Path) -> Iterator[str]:
    if not PYTHON.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{PYTHON} is missing; make .venv-vllm/.done makes it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = ["--host", "127.0.0.1", "--port", str(port)]
    arguments = ["--model", str(checkpoint), "--enforce-eager", "--dtype", "float32", "--max-model-len", "256"]
    # vLLM's rotary kernel for CPUs turns one head only of the three-dimensional queries of its LFM2; GPUs need no flag.
    arguments += ["--compilation-config", json.dumps({"custom_ops": ["-rotary_embedding"]})]
    log = checkpoint.parent / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PYTHON, "-m", "vllm.entrypoints.openai.api_server", *arguments, *place],
            env=os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 300
        while True:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert process.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_vllm_serves_the_checkpoint_with_our_log_probs(server: str, checkpoint: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(checkpoint).eval()
    prompt = [5 + i * 7 % 200 for i in range(40)]
    body = {"model": str(checkpoint), "prompt": prompt, "max_tokens": 20, "temperature": 1.0, "seed": 1}
    answer = post(f"{server}/v1/completions", body | {"logprobs": 0, "return_token_ids": True, "ignore_eos": True})
    (choice,) = answer["choices"]
    assert choice["prompt_token_ids"] == prompt
    action = choice["token_ids"]
    assert len(action) == 20
    with torch.no_grad():
        logits = model(torch.tensor([prompt + action])).logits[0, len(prompt) - 1 : -1]
    ours = torch.log_softmax(logits.float(), -1).gather(1, torch.tensor(action)[:, None])[:, 0]
    theirs = torch.tensor(choice["logprobs"]["token_logprobs"])
    assert theirs.std() > 0.1
    torch.testing.assert_close(theirs, ours, atol=2e-3, rtol=0)
