"""Real vLLM servers, started as users start them. Each set of flags is served once for all tests that want it.

vLLM pins its own versions and lives in an environment of its own: `make .venv-vllm/.done`, or AGENTRL_VLLM_PYTHON.
Tests of one set stand in one file, which `--dist loadfile` keeps in one process.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.conftest import require

for component in ("torch", "transformers", "aiohttp", "peft"):
    require(component)
import torch

from agentrl.config import ModelConfig
from agentrl.trainers.checkpoint import save_policy
from agentrl.trainers.scratch import build_model, train_tokenizer

PYTHON = Path(os.environ.get("AGENTRL_VLLM_PYTHON") or Path(__file__).parents[2] / ".venv-vllm/bin/python")
TEXTS = [f"Sign {i} says left. Sign {i} says right. You are home. You are lost. go left go right\n" for i in range(4)]
MAX_CONTEXT = 2048
READY_S = 280.0
END_S = 30.0


@dataclass(frozen=True, slots=True)
class Served:
    """Servers that are ready."""

    model: Path
    urls: tuple[str, ...]


def make_model(folder: Path, architecture: str, seed: int = 0) -> Path:
    """A random model whose tokens differ in likelihood; head size 32 is the smallest that vLLM serves on a CPU."""
    shape = ModelConfig.model_validate(
        {"architecture": architecture, "hidden_size": 64, "intermediate_size": 64, "layers": 2, "heads": 2}
    )
    tokenizer = train_tokenizer(TEXTS, 300)
    model = build_model(shape.model_copy(update={"max_context": MAX_CONTEXT}), tokenizer, seed=seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)
    save_policy(folder, model, model.state_dict(), tokenizer)
    return folder


@contextmanager
def serving(folder: Path, architecture: str, *arguments: str, end: signal.Signals = signal.SIGTERM) -> Iterator[Served]:
    """`agentrl engine serve`, which must leave no process behind when `end` ends it."""
    if not PYTHON.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{PYTHON} is missing; make .venv-vllm/.done makes it")
    model = make_model(folder / "model", architecture)
    command = [sys.executable, "-c", "from agentrl.cli import main; main()", "engine", "serve", str(model)]
    log = folder / "serve.txt"
    environment = {"AGENTRL_VLLM_PYTHON": str(PYTHON), "VLLM_CPU_KVCACHE_SPACE": "1", "TMPDIR": str(folder)}
    with log.open("wb") as output:
        process = psutil.Popen(
            [*command, "--port", "0", *arguments],
            env=os.environ | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    descendants: list[psutil.Process] = []
    try:
        deadline = time.monotonic() + READY_S
        while not (ready := re.search(r"engine\.urls='(\[.*\])'", said := log.read_text())):
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.2)
        descendants = process.children(recursive=True)
        yield Served(model, tuple(json.loads(ready[1])))
    finally:
        process.send_signal(end)
        process.wait(END_S)
    _, left = psutil.wait_procs(descendants, END_S)
    assert len(descendants) > 2
    assert not left


@pytest.fixture(scope="session")
def lfm2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two replicas of the main job's architecture."""
    with serving(tmp_path_factory.mktemp("lfm2"), "lfm2", "--replicas", "2") as served:
        yield served


@pytest.fixture(scope="session")
def qwen3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One replica that takes adapters. It is ended by SIGKILL, which leaves its servers to the kernel."""
    with serving(tmp_path_factory.mktemp("qwen3"), "qwen3", "--lora-rank", "4", end=signal.SIGKILL) as served:
        yield served
