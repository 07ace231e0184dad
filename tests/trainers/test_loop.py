"""Whole runs, small: what they leave behind, what they learn, and what they refuse."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from agentrl.errors import AgentRLError, InfraError, RunStoppedError
from tests.conftest import require

torch = require("torch")
require("transformers")
require("torch.utils.tensorboard")

from transformers import AutoModelForCausalLM, AutoTokenizer

from agentrl.config import Config
from agentrl.trainers import reinforce, stage
from agentrl.trainers.loop import train
from agentrl.trainers.methods import METHODS
from agentrl.trainers.runs import Run
from tests.trainers.signs import MARKED, SIGNS, TUTORED, Signs
from tests.trainers.small import ALFWORLD, ROOT, small


def rows_with(run: Run, name: str) -> list[dict[str, Any]]:
    return [row for row in run.metrics() if name in row]


def test_alfworld_from_nothing(tmp_path: Path) -> None:
    require("alfworld")
    config = small(tmp_path / "r", ALFWORLD)
    summary = train(config)
    run = Run.open(tmp_path / "r")
    assert run.config() == json.loads(config.model_dump_json())
    assert summary == run.summary()
    assert {"success_before", "success_after", "wall_s", "tokens", "episodes", "model", "report"} <= set(summary)
    assert 0 < summary["episodes"]["demonstrations"] <= 20
    assert summary["episodes"] | {"demonstrations": 0} == {"demonstrations": 0, "rl": 8, "evaluation": 6}
    assert [row["step"] for row in run.metrics()] == [0, 4, 4, 5, 6, 6]
    assert rows_with(run, "rl/gate_gap")[0]["rl/gate_gap"] < 0.05
    assert run.rollout_steps() == [5, 6]
    assert (tmp_path / "r" / "report.html").stat().st_size > 1000
    generated = [len(t.action_ids) for step in (5, 6) for g, _ in run.rollouts(step) for t in g.turns]
    assert summary["tokens"]["generated"] == sum(generated)
    AutoModelForCausalLM.from_pretrained(summary["model"])
    AutoTokenizer.from_pretrained(summary["model"])


def test_a_run_learns(tmp_path: Path) -> None:
    """Few steps of imitation leave something to learn, and reinforcement learns it."""
    changes = {
        "rl": {"method": "dapo", "steps": 10, "tasks_per_step": 8, "group_size": 8},
        "eval": {"every": 0, "test_games": 20, "temperature": 1.0},
    }
    summary = train(small(tmp_path / "r", changes))
    assert summary["success_before"] < 0.5
    assert summary["success_after"] > 0.8
    run = Run.open(tmp_path / "r")
    success = [row["rl/success"] for row in rows_with(run, "rl/success")]
    assert sum(success[-3:]) > sum(success[:3])
    assert [row["test/success"] for row in rows_with(run, "test/success")] == [
        summary["success_before"],
        summary["success_after"],
    ]


def test_a_budget_of_tokens_ends_a_run_before_its_steps(tmp_path: Path) -> None:
    rl = {"steps": 50, "token_budget": 2000, "optim": {"lr": 1e-2, "muon_lr": 0.02, "schedule": "linear"}}
    config = small(tmp_path / "r", {"rl": rl, "eval": {"every": 0}})
    train(config)
    spent = [row["rl/generated_tokens"] for row in rows_with(Run.open(tmp_path / "r"), "rl/generated_tokens")]
    assert 3 < len(spent) < 50
    assert sum(spent[:-1]) < 2000 <= sum(spent)
    rates = [row["rl/lr"] for row in rows_with(Run.open(tmp_path / "r"), "rl/lr")]
    assert rates[-1] < 0.5 * rates[0], "the schedule knows the budget"
    again = train(config, resume=tmp_path / "r")
    assert again["tokens"]["generated"] == sum(spent)
    more = Config.load(tmp_path / "r" / "config.toml", ["rl.token_budget=0", f"rl.steps={len(spent) + 1}"])
    assert train(more, resume=tmp_path / "r")["tokens"]["generated"] > sum(spent)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rl": {"rewards": {"outcom": 1.0}}}, "reward channel 'outcom'; did you mean 'outcome'"),
        ({"rl": {"rewards": {"outcome": 0.0}}}, "every reward channel has weight 0"),
        ({"rl": {"method": "grop"}}, "method 'grop'; did you mean 'grpo'"),
        ({"rl": {"method": "grpo", "overrides": {"clip_hi": 1}}}, "did you mean 'clip_high'"),
        ({"rl": {"method": "grpo", "group_size": 1}}, "set it to at least 2"),
        ({"rl": {"method": "ppo"}}, "estimates advantages with a critic, and there is none"),
        ({"rl": {"critic": "shared"}}, "does not use a critic"),
        ({"rl": {"method": "igpo"}}, "information_gain is made from the 'answer' in the reference"),
        ({"rl": {"method": "cm2"}}, r"checklist/\* is made from the 'checklist' in the reference"),
        ({"rl": {"credit": "igpo"}}, "add it to rl.rewards"),
        ({"rl": {"method": "cm2_turn"}, "env": {"id": TUTORED}}, "set it to at least 5"),
        ({"eval": {"checklists": True}}, "has no checklists to be measured"),
        ({"env": {"id": "ALFWrld-v0"}}, "ALFWrld"),
        ({"env": {"test_split": "tset"}}, "did you mean 'test'"),
        ({"warm_start": {"demonstrations": 0}}, r"set warm_start\.demonstrations, or model = PATH"),
        ({"warm_start": {"mistakes": 0.1}}, "makes no mistakes"),
        ({"model": {"path": "no/such/folder"}}, "no/such/folder is no local model"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(f"{t}.{k}" for t in value for k in value[t]),
)
def test_what_cannot_work_is_refused_before_anything_is_written(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(AgentRLError, match=message):
        train(small(tmp_path / "r", change))
    assert list(tmp_path.iterdir()) == []


def test_another_run_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "notes.txt").write_text("mine")
    with pytest.raises(AgentRLError, match=r"no empty folder; choose another with --set run\.dir=PATH"):
        train(small(tmp_path / "r"))
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["notes.txt"]


EXTRA: dict[str, dict[str, Any]] = {
    "ppo": {"critic": "detached"},
    "dr_grpo": {"overrides": {"constant": 40}},
    "grpo": {"overrides": {"kl": "k3", "kl_in": "loss", "kl_coef": 0.05}},
    "gra": {"rewards": ["outcome", "busywork"], "overrides": {"gates": {"outcome": 0.5}}},
    "cm2_turn": {"overrides": {"min_turn_group": 2}},
}
SECTIONS: dict[str, dict[str, Any]] = {
    "arena": {"tournament": {"judge": "programmatic", "quality": "progress"}},
    "latr": {"lookahead": {"overrides": {"lookahead": [2, 4]}}},
}
"""What methods need beside `rl`."""
CASES = [
    *((name, EXTRA.get(name, {})) for name in METHODS if name != "bopo"),  # trains a router, see test_routing.py
    ("ppo", {"critic": "shared", "epochs": 2}),
    ("ppo", {"critic": "copy", "group_size": 1}),
    ("reinforce_pp", {"group_size": 1}),
    ("igpo", {"credit": "gigpo"}),
    (
        "igpo",
        {"overrides": {"normalisation": "joint"}, "rewards": {"outcome": (0.5, 1.0), "information_gain": (1.0, 0.5)}},
    ),
    ("grpo", {"optim": {"name": "adamw"}, "mini_batches": 3, "rewards": {"outcome": 1.0, "progress": 0.5}}),
]


@pytest.mark.parametrize(("method", "changes"), CASES, ids=[f"{m}-{'-'.join(c)}".rstrip("-") for m, c in CASES])
def test_every_method_trains(tmp_path: Path, method: str, changes: dict[str, Any]) -> None:
    env = {"id": TUTORED if METHODS[method].made_from else MARKED if method == "verpo" else SIGNS}
    config = small(
        tmp_path / "r",
        {"rl": {"method": method, **changes}, "env": env, "eval": {"every": 0, "test_games": 0}},
        SECTIONS.get(method, {}),
    )
    summary = train(config)
    assert summary["success_before"] is None
    run = Run.open(tmp_path / "r")
    steps = rows_with(run, "rl/success")
    assert len(steps) == 2
    for row in steps:
        assert all(value is None or math.isfinite(value) for value in row.values())
        assert row["rl/grad_norm"] > 0
        assert row["rl/steps"] == config.rl.epochs * config.rl.mini_batches
        assert row["rl/gate_gap"] < 0.05
    warm, last = (AutoModelForCausalLM.from_pretrained(path).state_dict() for path in run.checkpoints()[-2:])
    assert any(not torch.equal(warm[name], last[name]) for name in warm)
    assert all(torch.isfinite(weight).all() for weight in last.values())


def test_two_processes_do_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same demonstrations, steps and episodes; sums in another order change the last digits only."""
    monkeypatch.syspath_prepend(ROOT)
    threads = torch.get_num_threads()
    plain = {"async": {"importance": "none"}}  # `auto` is near its threshold here
    alone = train(small(tmp_path / "alone", plain))
    both = train(small(tmp_path / "both", plain, {"engine": {"processes": 2}}))
    torch.set_num_threads(threads)
    assert both["episodes"] == alone["episodes"]
    assert both["success_before"] == alone["success_before"]
    for a, b in zip(Run.open(tmp_path / "alone").metrics(), Run.open(tmp_path / "both").metrics(), strict=True):
        assert a.keys() == b.keys()
        for name in {"step", "demonstrations/success", "warm_start/loss"} & a.keys():
            assert a[name] == pytest.approx(b[name], rel=0.02), name


def test_policies_that_differ_between_engine_and_learner_stop_the_run(tmp_path: Path, monkeypatch: Any) -> None:
    config = small(tmp_path / "r")
    agent_loop = stage.agent_loop
    with monkeypatch.context() as patch:
        patch.setattr(
            stage, "agent_loop", lambda c, e, r, _, *more, **by_name: agent_loop(c, e, r, 3.0, *more, **by_name)
        )
        with pytest.raises(RunStoppedError, match=r"sampled at it, but rl\.temperature = 1: make them equal"):
            train(config)
    assert Run.open(tmp_path / "r").summary() is None
    assert train(config, resume=tmp_path / "r")["success_after"] is not None


def test_lost_episodes_are_in_no_statistic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every episode that begins at a sign to the left is lost once RL has begun."""
    run, begin = reinforce.Reinforcement.run, Signs.begin

    def shaky(env: Signs, task_id: str) -> Any:
        if env.kind(task_id) == "left":
            raise InfraError("the sandbox is gone")
        return begin(env, task_id)

    def run_shaky(phase: reinforce.Reinforcement) -> None:
        monkeypatch.setattr(Signs, "begin", shaky)
        run(phase)

    monkeypatch.setattr(reinforce.Reinforcement, "run", run_shaky)
    summary = train(small(tmp_path / "r", {"failures": {"retries": 0, "max_rate": 1.0}}))
    steps = rows_with(Run.open(tmp_path / "r"), "rl/success")
    assert sum(row["rl/infra_errors"] for row in steps) > 0
    assert all(row["rl/infra_errors"] + row["rl/episodes"] == 16 for row in steps)
    for row in rows_with(Run.open(tmp_path / "r"), "test/success"):
        assert row["test/episodes"] == sum(Signs().kind(f"test/{i}") == "right" for i in range(8)) < 8
        assert row["test/success"] == row["test/success/right"]
        assert "test/success/left" not in row
    assert summary["success_after"] is not None


def test_a_run_with_too_many_lost_episodes_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(phase: reinforce.Reinforcement) -> None:
        def gone(env: Signs, action: str) -> Any:
            raise InfraError("the sandbox is gone")

        monkeypatch.setattr(Signs, "act", gone)
        run(phase)

    run = reinforce.Reinforcement.run
    monkeypatch.setattr(reinforce.Reinforcement, "run", lost)
    with pytest.raises(RunStoppedError, match=r"infrastructure error, .*the sandbox is gone"):
        train(small(tmp_path / "r", {"eval": {"test_games": 20}}))
