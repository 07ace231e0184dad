"""Two processes must do what one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentrl.config import OptimConfig
from agentrl.trainers.correction import Correction
from agentrl.trainers.loss_spec import LossSpec
from tests.conftest import require

torch = require("torch")
require("transformers")

from agentrl.trainers.learner import Learner, LearnerOptions
from agentrl.trainers.world import World, launch
from tests.trainers.tiny import random_rows, random_sft_rows, tiny_model


def program(world: World, optim: str, count: int) -> list[dict[str, Any]]:
    """Train a little of everything; weights and metrics of every rank."""
    config = OptimConfig(name=optim, lr=1e-3, muon_lr=1e-3)
    options = LearnerOptions(optim=config, critic="shared", micro_batch_tokens=100)
    learner = Learner(tiny_model(seed=world.rank), options, world)  # ranks differ until the learner joins them
    learner.set_reference()
    rows = random_rows(count)
    spec = LossSpec(aggregation="sequence_mean", kl="k3", kl_coef=0.1)
    metrics = learner.update(rows, spec, mini_batches=2)
    for correction in (Correction(kind="decoupled"), Correction(kind="sequence", reject=(0.7, 1.4))):
        corrected = learner.update(rows, spec, mini_batches=2, correction=correction)
        corrected |= {f"one_{k}": v for k, v in learner.update(rows, spec, correction=correction).items()}
        metrics |= {f"{correction.kind}_{k}": v for k, v in corrected.items()}
    metrics |= {f"sft_{k}": v for k, v in learner.sft_update(random_sft_rows(count)).items()}
    result = {
        "metrics": {name: value for name, value in metrics.items() if "seconds" not in name and "padding" not in name},
        "weights": {name: weight.clone().numpy() for name, weight in learner.weights().items()},
        "logprobs": np.concatenate(learner.logprobs(rows)),
        "values": np.concatenate(learner.values(rows)),
    }
    return world.gather([result])


@pytest.mark.parametrize(("optim", "count"), [("adamw", 9), ("muon", 9), ("adamw", 1)])
def test_two_processes_do_what_one_does(optim, count, monkeypatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # the second process imports `program` by name
    (alone,) = program(World(), optim, count)
    first, second = launch(2, program, optim, count)
    for name, weight in alone["weights"].items():
        np.testing.assert_array_equal(first["weights"][name], second["weights"][name])  # the ranks agree bit by bit
        # Muon orthogonalises in bfloat16, which enlarges the last bit in which the gradients differ
        np.testing.assert_allclose(first["weights"][name], weight, atol=1e-5 if optim == "adamw" else 1e-4)
    for name, value in alone["metrics"].items():
        assert first["metrics"][name] == second["metrics"][name]
        assert first["metrics"][name] == pytest.approx(value, rel=1e-3, abs=1e-5), name
    for key in ("logprobs", "values"):
        np.testing.assert_array_equal(first[key], second[key])
        np.testing.assert_allclose(first[key], alone[key], atol=1e-3)
