"""`agentrl train` with real vLLM servers: every step publishes, every publish is verified, the log-probs agree."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import require

for component in ("torch", "transformers", "aiohttp", "torch.utils.tensorboard"):
    require(component)

from agentrl.trainers.loop import train
from agentrl.trainers.runs import Run
from tests.trainers.small import small
from tests.vllm.conftest import Served

pytestmark = pytest.mark.xdist_group("lfm2")

STEPS = 10


@pytest.mark.parametrize("staleness", [0, 2])
def test_ten_versions_are_published_and_verified(lfm2: Served, staleness: int, tmp_path: Path) -> None:
    changes = {
        "model": {"path": str(lfm2.model), "max_context": 256},
        "rl": {"steps": STEPS, "tasks_per_step": 2, "optim": {"lr": 1e-2, "muon_lr": 0.02}},
        "eval": {"every": 0, "test_games": 0},
        "engine": {"kind": "vllm", "urls": lfm2.urls, "train_dtype": "float32", "processes": 1, "sessions": 16},
        "async": {"staleness": staleness},
    }
    train(small(tmp_path / "r", changes))
    rows = Run.open(tmp_path / "r").metrics()
    published = [row["engine/publish_gap"] for row in rows if "engine/publish_gap" in row]
    assert len(published) == STEPS
    assert 0 < max(published) < 2e-3
    gates = [row["rl/gate_gap"] for row in rows if "rl/gate_gap" in row]
    assert 0 < max(gates) < 2e-3
    for url in lfm2.urls:
        with urllib.request.urlopen(f"{url}/weight_info", timeout=10) as answer:
            assert int(json.load(answer)["weight_version"]) >= STEPS
