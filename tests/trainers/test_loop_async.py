"""Asynchronous runs: they learn, keep the bound on staleness, and say where the time went."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import require

torch = require("torch")
require("transformers")
require("torch.utils.tensorboard")

from agentrl.trainers.loop import train
from agentrl.trainers.runs import Run
from tests.trainers.small import ROOT, small

STEPS = 6


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("staleness", [1, 3])
def test_tokens_are_never_older_than_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, staleness: int, processes: int
) -> None:
    monkeypatch.syspath_prepend(ROOT)
    threads = torch.get_num_threads()
    config = small(
        tmp_path / "r",
        {"rl": {"steps": STEPS}, "async": {"staleness": staleness}, "engine": {"processes": processes}},
    )
    train(config)
    torch.set_num_threads(threads)
    run = Run.open(tmp_path / "r")
    rows = [row for row in run.metrics() if "rl/success" in row]
    assert len(rows) == STEPS
    for version, row in enumerate(rows):
        assert row["staleness/max"] <= min(staleness, version)
        assert sum(v for name, v in row.items() if name.removeprefix("staleness/").isdigit()) == pytest.approx(1)
        assert {"turn/queue", "turn/engine", "turn/environment", "trainer/utilisation"} <= set(row)
        assert 0 <= row["engine/utilisation"] <= 1
        assert row["engine/tokens_per_s"] >= 0
        assert row["rl/importance"] > 0
        assert row["length/tokens"] == 1
        assert row["length/discarded"] == 0
    assert rows[-1]["staleness/max"] == staleness
    numbers = [group.number for step in run.rollout_steps() for group, _ in run.rollouts(step)]
    assert numbers == list(range(STEPS * config.rl.tasks_per_step))
    assert not list((tmp_path / "r" / "inflight").iterdir())


def test_a_correction_is_used_where_tokens_are_old(tmp_path: Path) -> None:
    train(small(tmp_path / "off", {"async": {"staleness": 1, "importance": "none"}}))
    train(small(tmp_path / "on", {"async": {"staleness": 1}}))
    assert not any("rl/importance" in row for row in Run.open(tmp_path / "off").metrics())
    assert any("rl/importance" in row for row in Run.open(tmp_path / "on").metrics())
