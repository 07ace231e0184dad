"""The reproduction of BoPO from nothing: executors, boundaries, routers, frontier, in a world learned at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentrl.config import Config
from agentrl.errors import ConfigError
from tests.conftest import require

require("torch")
require("transformers")
require("torch.utils.tensorboard")

from agentrl.trainers import reproduce_bopo as module
from agentrl.trainers.loop import check
from agentrl.trainers.reproduce_bopo import reproduce_bopo
from tests.trainers.small import ROOT, small

TINY = ("routing.tasks=3", "routing.runs=1", "routing.mixes=1", "rl.steps=1", "rl.tasks_per_step=2", "rl.group_size=2")


def test_from_nothing_and_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = small(tmp_path, {"engine": {"max_action_tokens": 8}, "eval": {"every": 0, "test_games": 0}})
    data = recipe.model_copy(update={"run": recipe.run.model_copy(update={"dir": ""})})
    (tmp_path / "small.toml").write_text(data.toml())
    monkeypatch.syspath_prepend(ROOT)  # the process of the runs imports tests.trainers.signs, too
    monkeypatch.setattr(module, "RECIPE", tmp_path / "small.toml")
    monkeypatch.setattr(module, "WEAK", ("warm_start.steps=6", "rl.steps=0"))
    monkeypatch.setattr(module, "STRONG", ("rl.steps=0",))
    monkeypatch.setattr(module, "LAMBDAS", (0.4,))
    start = ("warm_start.demonstrations=3", "warm_start.steps=10", "warm_start.mistakes=0.0", "rl.method=bopo")
    monkeypatch.setattr(module, "ROUTER", start)
    told: list[str] = []
    out = tmp_path / "out"
    result = reproduce_bopo(out, [0], TINY, games=2, tell=told.append)
    assert told == ["weak", "strong", "boundaries and BoSFT", "seed 0: λ = 0.4"]
    assert json.loads((out / "result.json").read_text()) == result
    assert result["areas"].keys() >= {"always", "random mix", "first k", "threshold", "BoSFT", "BoPO, seed 0", "BoPO"}
    assert result["areas"]["BoPO"] == result["areas"]["BoPO, seed 0"]
    assert len(result["frontier"]["budgets"]) == 3
    config = Config.load(out / "seed-0" / "lambda-0.4" / "config.toml")
    assert config.rl.rewards == {"outcome": 1.0, "hard": 0.5, "cost": 0.4}
    assert config.routing.known == str(out / "start" / "routing.jsonl")
    assert not (out / "seed-0" / "lambda-0.4" / "routing.jsonl").exists()
    before = [path.stat().st_mtime_ns for path in sorted(out.glob("**/summary.json"))]
    assert len(before) == 4
    with pytest.raises(ConfigError, match="holds the results of"):
        reproduce_bopo(out, [0], ["rl.steps=2"])


def test_its_own_settings_fit_together(tmp_path: Path) -> None:
    for own in (module.WEAK, module.STRONG):
        check(Config.load(module.RECIPE, [*own, f"run.dir={tmp_path}"]))
    executors = [
        f"routing.executors.{n}.{k}" for n in module.PRICES for k in (f"path={n}", f"price={module.PRICES[n]}")
    ]
    config = Config.load(module.RECIPE, [*module.ROUTER, *executors])
    assert config.warm_start.demonstrations <= config.routing.tasks
    assert [e.price.output for e in config.routing.executors.values()] == [1.6, 8.0]
