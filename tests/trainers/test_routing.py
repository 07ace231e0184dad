"""Whole runs that train routers: boundaries, BoSFT, BoPO, measurements, and what such runs refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentrl.config import Config
from agentrl.errors import AgentRLError, CorruptFileError
from tests.conftest import require

require("torch")
require("transformers")
require("torch.utils.tensorboard")

from agentrl.agents.routing.boundaries import Boundary, Runs
from agentrl.trainers.boundaries import FILE, Known, demonstrated
from agentrl.trainers.credit.bopo import reference_guided
from agentrl.trainers.evaluate import evaluate
from agentrl.trainers.frontier import BUDGETS, Point, area, hull, sweep
from agentrl.trainers.frontier_chart import budget_table, chart, frontier_table, write_frontier
from agentrl.trainers.loop import check, train
from agentrl.trainers.rewards import weighted_sum
from agentrl.trainers.runs import Run
from agentrl.types import Outcome, Turn
from tests.trainers.small import small

PRICES = {"small": {"input": 0.4, "cached": 0.1, "output": 1.6}, "large": {"input": 2, "cached": 0.5, "output": 8}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two executors, and of a router between them."""
    folder = tmp_path_factory.mktemp("routing")
    alone: dict[str, Any] = {"rl": {"steps": 0}, "eval": {"test_games": 0}}
    train(small(folder / "small", alone, {"warm_start": {"steps": 6}}))
    train(small(folder / "large", alone, {"warm_start": {"steps": 60}}))
    train(router(folder, folder / "router"))
    return folder


def router(folder: Path, run_dir: Path, *changes: dict[str, Any], **routing: Any) -> Config:
    paths = {name: str(Run.open(folder / name).checkpoints()[-1]) for name in PRICES}
    executors = {
        name: {"path": path, "temperature": 0.5, "max_tokens": 8, "price": PRICES[name]} for name, path in paths.items()
    }
    section = {"executors": executors, "tasks": 4, "runs": 2, "mixes": 2, **routing}
    return small(
        run_dir,
        {
            "routing": section,
            "model": {"path": paths["small"]},
            "warm_start": {"demonstrations": 4, "steps": 15},
            "rl": {
                "method": "bopo",
                "tasks_per_step": 2,
                "group_size": 3,
                "rewards": {"outcome": 1.0, "hard": 0.5, "cost": 0.4},
            },
            "eval": {"every": 0, "test_games": 2},
        },
        *changes,
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_bopo_trains(trained: Path) -> None:
    run = Run.open(trained / "router")
    rows = run.metrics()
    assert rows[0]["boundaries/large/success"] > rows[0]["boundaries/small/success"]
    assert sum(rows[0][f"boundaries/{kind}"] for kind in ("easy", "hard", "intractable")) == pytest.approx(1.0)
    steps = [row for row in rows if "rl/success" in row]
    assert len(steps) == 2
    assert all(row["rl/gate_gap"] < 0.05 for row in steps)
    known = {k["boundary"]["task_id"]: Boundary.from_json(k["boundary"]) for k in lines(run.path / FILE)}
    assert list(known) == [f"train/{i}" for i in range(4)]
    weights = {"outcome": 1.0, "hard": 0.5, "cost": 0.4}
    for row in steps:
        for group, advantages in run.rollouts(row["step"]):
            anchors = group.task.reference["anchors"]
            assert anchors == [pytest.approx(a) for a in known[group.task.task_id].anchors()]
            paths = group.rollouts()
            earned = [sum(weighted_sum(group.turns[i].rewards, weights) for i in path) for path in paths]
            expected = reference_guided(np.array(earned), np.array([weighted_sum(a, weights) for a in anchors]))
            assert advantages is not None
            for path, value in zip(paths, expected, strict=True):
                assert {group.turns[i].actor for i in path} <= {"small", "large"}
                assert all(
                    list(advantages[i]) == pytest.approx([value] * len(list(advantages[i])), abs=1e-4) for i in path
                )
                assert all(group.turns[i].cost["money"] > 0 for i in path)


def test_demonstrations_are_of_who_acted(trained: Path) -> None:
    for record in lines(trained / "router" / FILE):
        known = Known.from_json(record)
        assert set(known.demonstration.actions) <= {"small", "large"}
        if known.boundary.difficulty != "hard":
            assert set(known.demonstration.actions) == {"small"}
        else:
            assert "large" in known.demonstration.actions or known.boundary.small.success > 0
        assert known.episodes == (4 if known.boundary.difficulty != "hard" else 7)


def test_boundaries_go_on_where_a_killed_run_tore_them(trained: Path, tmp_path: Path) -> None:
    whole = (trained / "router" / FILE).read_bytes()
    config = router(trained, tmp_path / "r", {"rl": {"steps": 0}, "eval": {"test_games": 0}})
    train(config)
    again = lines(tmp_path / "r" / FILE)
    assert again == lines(trained / "router" / FILE)
    (tmp_path / "s").mkdir()
    half = whole.split(b"\n")
    (tmp_path / "known.jsonl").write_bytes(b"\n".join(half[:3]) + b"\n" + half[3][:50])
    other = {"rl": {"steps": 0, "method": "grpo", "rewards": {}}, "eval": {"test_games": 0}}
    train(router(trained, tmp_path / "s", other, known=str(tmp_path / "known.jsonl")))
    rest = [record["boundary"]["task_id"] for record in lines(tmp_path / "s" / FILE)]
    assert rest == ["train/3"]
    (tmp_path / "known.jsonl").write_bytes(b"{}\n")
    with pytest.raises(CorruptFileError, match="line 1"):
        train(router(trained, tmp_path / "t", other, known=str(tmp_path / "known.jsonl")))


def test_a_budget_holds_in_training_and_measurement(trained: Path, tmp_path: Path) -> None:
    dollars = 0.0001
    known = str(trained / "router" / FILE)
    config = router(trained, tmp_path / "r", {"rl": {"method": "grpo", "rewards": {}}}, known=known, budget=dollars)
    train(config)
    run = Run.open(tmp_path / "r")
    episodes = [
        [group.turns[i] for i in path]
        for step in run.rollout_steps()
        for group, _ in run.rollouts(step)
        for path in group.rollouts()
    ]
    assert episodes
    assert all(sum(turn.cost.get("money", 0.0) for turn in turns) <= dollars * (1 + 1e-9) for turns in episodes)
    assert any(turns[-1].outcome.reason == "budget" for turns in episodes)
    measured = evaluate(config, str(run.checkpoints()[-1]), split="test", games=3)
    assert measured["episodes"] == 3


# -- frontiers ---------------------------------------------------------------------------------------------------


def point(money: float, success: float) -> Point:
    return Point("f", "", 0.0, success, money, money, 0.0, 1)


def test_a_frontier_by_hand() -> None:
    points = [point(*p) for p in ((1, 0.2), (3, 0.8), (2, 0.3), (2, 0.6), (4, 0.7), (5, 0.9))]
    assert hull(points) == [(1, 0.2), (2, 0.6), (3, 0.8), (5, 0.9)]
    by_hand = (0.4 + 0.7 + 2 * 0.85) / 4
    assert area(points, 1, 5) == pytest.approx(by_hand)
    assert area(points, 5, 1) == pytest.approx(by_hand)
    assert area(points, 5, 6) == pytest.approx(0.9)
    assert area(points, 3, 3) == pytest.approx(0.8)


def test_what_lies_below_changes_nothing() -> None:
    points = [point(*p) for p in ((1, 0.2), (3, 0.8))]
    assert hull([*points, point(2, 0.49), point(4, 0.8), point(1, 0.1)]) == hull(points)


def test_a_sweep_of_rules_and_routers(trained: Path, tmp_path: Path) -> None:
    run = Run.open(trained / "router")
    config = Config.load(trained / "router" / "config.toml")
    found = sweep(config, {"BoPO": {"λ = 0.4": run.checkpoints()[-1]}}, split="test", games=3)
    assert set(found["areas"]) == {"always", "random mix", "first k", "threshold", "BoPO"}
    assert all(0 <= value <= 1 for value in found["areas"].values())
    assert all(value >= found["areas"]["always"] - 1e-12 for value in found["areas"].values())
    small_end, large_end, *_ = found["points"]
    assert (small_end["dear"], large_end["dear"]) == (0.0, 1.0)
    for budget, share in zip(found["budgets"], BUDGETS, strict=True):
        assert budget["dollars"] == pytest.approx(share * large_end["money"])
        assert all(p["most"] <= budget["dollars"] * (1 + 1e-9) for p in budget["points"])
    assert chart(found).startswith("<svg")
    assert frontier_table(found).count("\n| BoPO |") == 1
    assert budget_table(found).count("\n| BoPO |") == 1
    boundaries = {f"boundaries/{kind}": 1 / 3 for kind in ("easy", "hard", "intractable")}
    result = {"paper": "0", "claim": "c", "seeds": [0], "overrides": [], "boundaries": boundaries, "frontier": found}
    page = write_frontier(tmp_path, {**result, "areas": found["areas"]})
    assert "random mix" in page.read_text()


# -- demonstrations and refusals ---------------------------------------------------------------------------------


def episode(solved: bool, dollars: float) -> list[Turn]:
    end = Outcome.terminated(success=solved)
    return [Turn(None, (), (), (), (), "", "", {}, end, cost={"money": dollars})]


@pytest.mark.parametrize(
    ("small_rate", "large_rate", "imitated"),
    [(1.0, 1.0, ("small", 1)), (0.0, 1.0, ("other", 2)), (0.0, 0.0, ("small", 0))],
)
def test_whom_to_imitate(small_rate: float, large_rate: float, imitated: tuple[str, int]) -> None:
    alone = [episode(False, 1.0), episode(small_rate > 0, 2.0)]
    others = [episode(False, 0.5), episode(True, 9.0), episode(True, 3.0)]
    found = demonstrated(Boundary("t", Runs(small_rate, 1, {}), Runs(large_rate, 9, {})), alone, others)
    assert found is {"small": alone, "other": others}[imitated[0]][imitated[1]]


EXECUTOR = {"path": "nowhere", "price": {"input": 1, "output": 4}}
TWO = {"small": EXECUTOR, "large": {"path": "nowhere", "price": {"input": 2, "output": 4}}}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rl": {"method": "bopo"}}, "nobody to choose from"),
        ({"rl": {"rewards": {"outcome": 1.0, "hard": 1.0}}}, "hard"),
        ({"routing": {"tasks": 3}}, "tasks is for executors"),
        ({"routing": {"executors": {"small": EXECUTOR}}}, "two executors or more"),
        ({"routing": {"executors": {"a b": EXECUTOR, "large": EXECUTOR}}}, "no name of an executor"),
        ({"routing": {"executors": {"small": {**EXECUTOR, "url": "http://h/v1"}, "l": EXECUTOR}}}, "not both"),
        ({"routing": {"executors": {"small": {"url": "http://h/v1"}, "l": EXECUTOR}}}, "go together"),
        ({"routing": {"executors": {"small": TWO["large"], "large": EXECUTOR}}}, "higher price"),
        ({"routing": {"executors": {"small": {"path": "p"}, "large": {"path": "p"}}}}, "without prices"),
        ({"routing": {"executors": TWO, "tasks": 21}}, "has 20 tasks"),
        ({"routing": {"executors": TWO, "tasks": 19}}, "warm_start.demonstrations to 19"),
        ({"routing": {"executors": TWO, "tasks": 20}, "warm_start": {"mistakes": 0.1}}, "have no mistakes"),
        ({"routing": {"executors": TWO, "tasks": 20, "known": "nowhere"}}, "is no file"),
        (
            {"routing": {"executors": TWO, "tasks": 20}, "rl": {"rewards": {"outcome": 0.4, "cost": 0.4}}},
            "failing cheaply",
        ),
        (
            {"routing": {"executors": TWO, "tasks": 20}, "rl": {"rewards": {"outcome": 1.0, "cost": [0.1, 1.0]}}},
            "failing cheaply",
        ),
        ({"routing": {"executors": TWO, "tasks": 20}}, "nowhere is no local model"),
    ],
)
def test_refusals(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises((AgentRLError, ValueError), match=says):
        check(small(tmp_path / "r", changes))
