"""Reproductions: the same start for all arms, nothing run twice, and a table of what was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from agentrl.errors import ConfigError, UnknownNameError
from tests.conftest import require

torch = require("torch")
require("transformers")
require("torch.utils.tensorboard")

from agentrl.config import Config
from agentrl.trainers import reproduction
from agentrl.trainers.loop import check
from agentrl.trainers.reproduce import reproduce
from agentrl.trainers.reproduce_report import cells, markdown, write_report
from agentrl.trainers.reproduction import Panel, Reproduction, load, reproductions
from agentrl.trainers.runs import Run
from tests.trainers.small import small


@pytest.fixture
def panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Panel:
    """Two methods in an environment that is learned in a second."""
    config = small(tmp_path, {"warm_start": {"steps": 20}}).model_dump(mode="json")
    config["run"]["dir"] = ""
    (tmp_path / "small.toml").write_text(Config.model_validate(config).toml())
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # processes of their own import tests.trainers.signs, too
    return Panel(
        recipe=tmp_path / "small.toml",
        metric="test/success",
        common=("rl.temperature=0.9",),
        start=("warm_start.steps=21",),
        also=("rl/dead_groups", "test/turns"),
        arms={"grpo": ("rl.method=grpo",), "rloo": ("rl.method=rloo",)},
    )


def what(*panels: Panel, **more: Any) -> Reproduction:
    return Reproduction(name="small", paper="0000.00000", claim="Nothing in particular.", panels=panels, **more)


def test_arms_begin_alike_and_nothing_runs_twice(panel: Panel, tmp_path: Path) -> None:
    told: list[str] = []
    result = reproduce(what(panel), tmp_path / "out", [0, 1], jobs=2, tell=told.append)
    assert told[0] == "warm start"
    assert sorted(told[1:]) == [f"seed {seed}: {arm}" for seed in (0, 1) for arm in ("grpo", "rloo")]
    arms = result["panels"][""]["arms"]
    assert set(arms) == {"grpo", "rloo"}
    for arm in arms.values():
        assert len(arm["after"]) == len(arm["before"]) == len(arm["curve"]) == 2
        assert arm["mean"] == pytest.approx(sum(arm["after"]) / 2)
        assert arm["spread"] == pytest.approx(abs(arm["after"][0] - arm["after"][1]) / 2**0.5)
        assert set(arm["also"]) == set(panel.also)
        assert all(tokens > 0 for curve in arm["curve"] for tokens, _ in curve)
        assert len({*arm["before"]}) == 1, "the same weights and games"
        assert arm["steps"] == [None, None], "no target"
    assert arms["grpo"]["before"] == arms["rloo"]["before"], "the same weights and games"
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert written["panels"] == json.loads(json.dumps(result["panels"]))

    run = Run.open(tmp_path / "out" / "seed-1" / "rloo")
    assert (run.config()["rl"]["method"], run.config()["rl"]["temperature"]) == ("rloo", 0.9)
    when = (run.path / "metrics.jsonl").stat().st_mtime_ns
    again = reproduce(what(panel), tmp_path / "out", [0, 1])
    assert json.dumps(again) == json.dumps(result)
    assert (run.path / "metrics.jsonl").stat().st_mtime_ns == when
    with pytest.raises(ConfigError, match="holds the results of --set"):
        reproduce(what(panel), tmp_path / "out", [0], ["rl.steps=3"])
    report = write_report(tmp_path / "out", result).read_text()
    assert "Nothing in particular" in report
    assert (tmp_path / "out" / "curves.svg").read_text() in report
    lines = markdown(result).splitlines()
    assert len(lines) == 4
    assert lines[2].startswith("| grpo | ")
    assert all(line.count("|") == lines[0].count("|") for line in lines)


def test_panels_share_a_start_and_arms_may_learn_before_they_explore(panel: Panel, tmp_path: Path) -> None:
    """The target is reached at the first validation, or out of reach; topologies are measured beside all that."""
    one = Panel(
        name="one",
        recipe=panel.recipe,
        metric="test/success",
        also=("test/pass@2", "lookahead/cost"),
        target=0.0,
        published={"rloo": "51"},
        common=("eval.samples=2", "eval.every=1"),
        arms={"rloo": ("rl.method=rloo",)},
    )
    arms = {"taught": ("warm_start.demonstrations=5", "warm_start.steps=3"), "alone, or so": ("rl.steps=0",)}
    two = Panel(name="two", recipe=panel.recipe, metric="test/success", target=1.1, common=one.common, arms=arms)
    told: list[str] = []
    tournaments = {"players": [4], "noises": [1.0], "seeds": 2}
    result = reproduce(what(one, two, tournaments=tournaments), tmp_path / "out", [0], tell=told.append)
    assert told[0] == "one: warm start"
    assert sorted(told[1:]) == ["seed 0: one: rloo", "seed 0: two: alone, or so", "seed 0: two: taught"]
    rloo, taught, alone = (
        result["panels"][p]["arms"][a] for p, a in (("one", "rloo"), ("two", "taught"), ("two", "alone, or so"))
    )
    assert (rloo["steps"], taught["steps"], alone["steps"]) == ([1], [None], [None])
    assert rloo["before"] == alone["before"] == alone["after"]
    assert not alone["curve"][0]
    taught_run = Run.open(tmp_path / "out" / "two" / "seed-0" / "taught")
    assert sum("warm_start/loss" in row for row in taught_run.metrics()) > 0
    assert 0 <= rloo["before"][0] <= rloo["also"]["test/pass@2"][0] <= 1
    header, row = cells(result["panels"]["one"])
    expected = {"steps to 0": "1", "published": "51", "lookahead/cost": "–"}
    assert dict(zip(header, row, strict=True)) | expected == dict(zip(header, row, strict=True))
    assert [len(r) for r in cells(result["panels"]["two"])] == [6, 6, 6]
    assert {r["topology"] for r in result["tournaments"]} >= {"round_robin", "single_elimination"}
    page = write_report(tmp_path / "out", result).read_text()
    for text in ("<h2>one</h2>", "<h2>two</h2>", "alone, or so", "single elimination"):
        assert text in page
        assert text in markdown(result) or text.startswith("<")
    assert {path.name for path in (tmp_path / "out").glob("*.svg")} == {"curves-one.svg", "curves-two.svg"}


def test_only_some_arms(panel: Panel, tmp_path: Path) -> None:
    other = Panel(name="other", recipe=panel.recipe, metric="test/success", arms={"ppo": ()})
    result = reproduce(what(panel, other), tmp_path / "out", [0], ["rl.steps=1"], arms=["rloo"])
    assert {name: list(found["arms"]) for name, found in result["panels"].items()} == {"": ["rloo"]}
    assert result["overrides"] == ["rl.steps=1"]
    assert not (tmp_path / "out" / "other").exists()


def test_unknown_names(panel: Panel, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'grpo'"):
        reproduce(what(panel), tmp_path, [0], arms=["grpoo"])
    with pytest.raises(UnknownNameError, match="reproduction"):
        load("nothing")


def test_what_stands_above_the_panels_holds_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduction, "FOLDER", tmp_path)
    (tmp_path / "x.toml").write_text(
        """
        paper = "0000.00000"
        claim = "?"
        recipe = "alfworld"
        metric = "test/success"
        common = ["rl.steps=7"]
        [panels.a]
        arms = { grpo = ["rl.method=grpo"] }
        [panels.b]
        recipe = "countdown"
        common = ["rl.steps=8"]
        arms = { dapo = [] }
        """
    )
    a, b = load("x").panels
    assert (a.name, a.recipe.name, a.common, a.arms) == (
        "a",
        "alfworld.toml",
        ("rl.steps=7",),
        {"grpo": ("rl.method=grpo",)},
    )
    assert (b.name, b.recipe.name, b.common, b.metric) == ("b", "countdown.toml", ("rl.steps=8",), "test/success")
    assert b.config(b.common).rl.steps == 8


@pytest.mark.parametrize("name", reproductions())
def test_what_comes_with_agentrl_is_sound(name: str) -> None:
    """Every arm, and every warm start, is a configuration that would start; what is published is of an arm."""
    if name == "guide":
        require("textworld")
    for panel in load(name).panels:
        check(panel.config([*panel.common, *panel.start]))
        for overrides in panel.arms.values():
            check(panel.config([*panel.common, *overrides]))
        assert {*panel.published} <= {*panel.arms}


PARENT = """
import os, time
from agentrl.trainers.side_by_side import processes
if __name__ == "__main__":
    with processes(1) as pool:
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
    worker.wait(120)
