"""Reproductions: the same start for all arms, nothing run twice, and a table of what was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from agentrl.errors import ConfigError, UnknownNameError
from tests.conftest import require

torch = require("torch")
require("transformers")
require("torch.utils.tensorboard")

from agentrl.config import Config
from agentrl.trainers import reproduce as module
from agentrl.trainers.loop import check
from agentrl.trainers.reproduce import Reproduction, load, reproduce, reproductions
from agentrl.trainers.reproduce_report import table, write_report
from agentrl.trainers.runs import Run
from tests.trainers.small import small

WHAT = Reproduction(
    name="small",
    paper="0000.00000",
    claim="Nothing in particular.",
    recipe="small",
    metric="test/success",
    common=("rl.temperature=0.9",),
    start=("warm_start.steps=21",),
    also=("rl/dead_groups", "test/turns"),
    arms={"grpo": ("rl.method=grpo",), "rloo": ("rl.method=rloo",)},
)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`recipes/small.toml` beside a module that thinks it lives in the temporary folder."""
    (tmp_path / "recipes").mkdir()
    config = small(tmp_path, {"warm_start": {"steps": 20}}).model_dump(mode="json")
    config["run"]["dir"] = ""
    (tmp_path / "recipes" / "small.toml").write_text(Config.model_validate(config).toml())
    monkeypatch.setattr(module, "__file__", str(tmp_path / "reproduce.py"))
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # processes of their own import tests.trainers.signs, too


def test_arms_begin_alike_and_nothing_runs_twice(recipe: None, tmp_path: Path) -> None:
    told: list[str] = []
    result = reproduce(WHAT, tmp_path / "out", [0, 1], jobs=2, tell=told.append)
    assert told[0] == "warm start"
    assert sorted(told[1:]) == [f"seed {seed}: {arm}" for seed in (0, 1) for arm in ("grpo", "rloo")]
    assert set(result["arms"]) == {"grpo", "rloo"}
    for arm in result["arms"].values():
        assert len(arm["after"]) == len(arm["before"]) == len(arm["curve"]) == 2
        assert arm["mean"] == pytest.approx(sum(arm["after"]) / 2)
        assert arm["spread"] == pytest.approx(abs(arm["after"][0] - arm["after"][1]) / 2**0.5)
        assert set(arm["also"]) == set(WHAT.also)
        assert all(tokens > 0 for curve in arm["curve"] for tokens, _ in curve)
        assert len({*arm["before"]}) == 1, "the same weights and games"
    assert result["arms"]["grpo"]["before"] == result["arms"]["rloo"]["before"], "the same weights and games"
    assert json.loads((tmp_path / "out" / "result.json").read_text())["arms"] == json.loads(json.dumps(result["arms"]))

    run = Run.open(tmp_path / "out" / "seed-1" / "rloo")
    assert (run.config()["rl"]["method"], run.config()["rl"]["temperature"]) == ("rloo", 0.9)
    written = (run.path / "metrics.jsonl").stat().st_mtime_ns
    again = reproduce(WHAT, tmp_path / "out", [0, 1])
    assert json.dumps(again) == json.dumps(result)
    assert (run.path / "metrics.jsonl").stat().st_mtime_ns == written
    with pytest.raises(ConfigError, match="holds the results of --set"):
        reproduce(WHAT, tmp_path / "out", [0], ["rl.steps=3"])
    report = write_report(tmp_path / "out", result).read_text()
    assert "Nothing in particular" in report
    assert (tmp_path / "out" / "curves.svg").read_text() in report
    lines = table(result).splitlines()
    assert len(lines) == 4
    assert lines[2].startswith("| grpo | ")
    assert all(line.count("|") == lines[0].count("|") for line in lines)


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'grpo'"):
        reproduce(WHAT, tmp_path, [0], arms=["grpoo"])
    with pytest.raises(UnknownNameError, match="reproduction"):
        load("nothing")


@pytest.mark.parametrize("name", reproductions())
def test_what_comes_with_agentrl_is_sound(name: str) -> None:
    """Every arm is a configuration that would start."""
    what = load(name)
    recipe = module.FOLDER.parent / "recipes" / f"{what.recipe}.toml"
    for overrides in what.arms.values():
        check(Config.load(recipe, [*what.common, *overrides]))


PARENT = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from agentrl.trainers.reproduce import _begin_process
if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn"), _begin_process, (1,)) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600).result()
"""


def test_runs_end_with_the_process_that_began_them(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    worker.wait(30)
