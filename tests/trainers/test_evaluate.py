"""Success on a fixed set of tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.types import Group, Outcome, Task
from tests.conftest import require

require("torch")
require("transformers")

from agentrl.config import Config, EnvConfig
from agentrl.errors import ConfigError, CorruptFileError, UnknownNameError
from agentrl.trainers.demos import make_env
from agentrl.trainers.evaluate import evaluate, fixed_tasks, summarise
from agentrl.trainers.loop import train
from tests.trainers.signs import SIGNS
from tests.trainers.small import small
from tests.trainers.trees import turn

SOLVED, FAILED = Outcome.terminated(success=True), Outcome.terminated(success=False)
CUT, LOST = Outcome.truncated("max_turns"), Outcome.infra_error("the sandbox is gone")

played = st.lists(
    st.tuples(
        st.sampled_from(["heat", "cool", ""]),
        st.lists(st.tuples(st.integers(1, 4), st.sampled_from([SOLVED, FAILED, CUT, LOST])), max_size=3),
    ),
    max_size=8,
)


class Kinds:
    """As much of an environment as is asked: a task's kind is in its id."""

    def kind(self, task_id: str) -> str:
        return task_id.partition("/")[0]


def group_of(kind: str, rollouts: Sequence[tuple[int, Outcome]]) -> Group:
    """Rollouts of so many turns that end in these outcomes; every action has two tokens."""
    group = Group(Task("Test-v0", f"{kind}/0"))
    for count, outcome in rollouts:
        parent = None
        for i in range(count):
            parent = group.add(turn(parent, 0.25, outcome=outcome if i == count - 1 else None))
    return group


def summary_of(*groups: Group) -> dict[str, float]:
    env: Any = Kinds()
    return summarise(groups, env)


def test_by_hand() -> None:
    measured = summary_of(
        group_of("heat", [(3, SOLVED)]),
        group_of("heat", [(5, CUT)]),
        group_of("cool", [(1, FAILED), (2, LOST)]),
        group_of("cool", [(4, LOST)]),
    )
    assert measured == {
        "success": pytest.approx(1 / 3),
        "success/cool": 0.0,
        "success/heat": 0.5,
        "turns": 3.0,
        "episodes": 3.0,
        "reward/outcome": 0.75,
        "action_tokens": 18.0,
        "prompt_tokens": 0.0,
        "cached_tokens": 0.0,
    }


@given(played)
def test_kinds_add_up_and_lost_episodes_count_nowhere(rollouts: Any) -> None:
    groups = [group_of(kind, outcomes) for kind, outcomes in rollouts]
    measured = summary_of(*groups)
    kept = [(kind, n, o) for kind, outcomes in rollouts for n, o in outcomes if o is not LOST]
    assert measured["episodes"] == len(kept)
    assert measured["action_tokens"] == 2 * sum(n for _, n, _ in kept)
    if not kept:
        assert math.isnan(measured["success"])
        return
    counts = {k: sum(kind == k for kind, _, _ in kept) for k in {kind for kind, _, _ in kept}}
    assert {f"success/{k}" for k in counts if k} == {name for name in measured if name.startswith("success/")}
    if "" not in counts:
        total = sum(n * measured[f"success/{k}"] for k, n in counts.items())
        assert total == pytest.approx(measured["success"] * len(kept))
    without = [group_of(k, [(n, o) for n, o in outcomes if o is not LOST]) for k, outcomes in rollouts]
    assert summary_of(*without) == measured


def test_fixed_tasks_are_the_first_of_a_split() -> None:
    env = make_env(EnvConfig(id=SIGNS))
    assert [task.task_id for task in fixed_tasks(env, SIGNS, "valid", 2)] == ["valid/0", "valid/1"]
    assert len(fixed_tasks(env, SIGNS, "valid", 1000)) == 20
    assert fixed_tasks(env, SIGNS, "valid", 0) == []
    with pytest.raises(UnknownNameError, match="did you mean 'valid'"):
        fixed_tasks(env, SIGNS, "vald", 2)


def test_the_share_of_a_checklist_by_hand() -> None:
    items = [[{"id": "a", "weight": 0.25}, {"id": "b", "weight": 0.75}], [{"id": "a", "weight": 1.0}]]
    group = Group(Task("Test-v0", "heat/0", reference={"checklist": items}))
    met = [{"checklist/0/a": 1.0, "checklist/0/b": 0.0}, {"checklist/0/b": 1.0}, {"checklist/1/a": 0.0}]
    parent = None
    for rewards in met:
        parent = group.add(turn(parent, 0.0))
        group.turns[parent].rewards |= rewards
    group.turns[-1].outcome = FAILED
    measured = summary_of(group, group_of("heat", [(1, SOLVED)]))
    assert measured["checklist"] == pytest.approx((0.25 + 0.75 + 0) / 2)
    assert not [name for name in measured if name.startswith("reward/checklist")]


def test_tasks_bring_their_checklists_where_they_are_measured() -> None:
    env = make_env(EnvConfig(id="ToolDesk-v0", max_turns=20))
    (task,) = fixed_tasks(env, "ToolDesk-v0", "test", 1, checklists=True)
    assert task.reference == {"checklist": env.reference(task.task_id)["checklist"]}
    assert fixed_tasks(env, "ToolDesk-v0", "test", 1)[0].reference == {}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, str, dict[str, Any]]:
    config = small(tmp_path_factory.mktemp("evaluate") / "r", {"rl": {"steps": 0}})
    summary = train(config)
    return config, summary["model"], summary


def test_a_saved_policy_does_what_the_run_measured(trained: tuple[Config, str, dict[str, Any]]) -> None:
    config, model, summary = trained
    measured = evaluate(config, model, split="test", games=8)
    assert measured["success"] == summary["success_before"] == summary["success_after"]
    assert measured["episodes"] == 8
    assert measured == evaluate(config, model, split="test", games=8)
    assert {"success/left", "success/right"} <= set(measured)


def test_several_attempts_at_each_game(trained: tuple[Config, str, dict[str, Any]]) -> None:
    config, model, _ = trained
    config = config.model_copy(update={"eval": config.eval.model_copy(update={"samples": 4, "temperature": 0.5})})
    measured = evaluate(config, model, split="test", games=8)
    assert measured["episodes"] == 32
    assert measured["pass@1"] == pytest.approx(measured["success"])
    assert 0 < measured["pass@1"] < measured["pass@2"] < measured["pass@4"] <= 1
    assert 1 < measured["distinct@4"] <= 4


def test_what_is_no_model_is_refused(tmp_path: Path, trained: tuple[Config, str, dict[str, Any]]) -> None:
    config, model, _ = trained
    with pytest.raises(ConfigError, match=r"is no local model: it has no config\.json"):
        evaluate(config, str(tmp_path), split="test", games=1)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in Path(model).iterdir():
        content = file.read_bytes()
        (damaged / file.name).write_bytes(content[: len(content) // 2] if file.suffix == ".safetensors" else content)
    with pytest.raises(CorruptFileError, match="damaged"):
        evaluate(config, str(damaged), split="test", games=1)
