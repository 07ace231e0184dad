"""Runs that are rewarded by tournaments: who compares, what is refused, and what is learned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentrl.errors import AgentRLError, ConfigError, UnknownNameError
from tests.conftest import require

require("torch")
require("transformers")
require("torch.utils.tensorboard")

from agentrl.agents.arena.group import ARENA, POINTWISE, TOURNAMENT
from agentrl.config import Config
from agentrl.trainers.credit import GRPO
from agentrl.trainers.loop import check, train
from agentrl.trainers.methods import get_method
from agentrl.trainers.runs import Run
from agentrl.types import Group
from tests.trainers.small import results, small

PROGRAM = {"judge": "programmatic", "quality": "progress", "noise": 0.1}
BRIEF: dict[str, Any] = {"eval": {"every": 0, "test_games": 0}, "rl": {"steps": 1}}


def steps(path: Path) -> list[Mapping[str, Any]]:
    return [row for row in Run.open(path).metrics() if "rl/success" in row]


def groups(path: Path) -> list[tuple[Group, Any]]:
    run = Run.open(path)
    return [pair for step in run.rollout_steps() for pair in run.rollouts(step)]


def test_arena_is_the_published_method() -> None:
    method = get_method("arena")
    assert method.credit == GRPO(std=True)  # sample standard deviation + 1e-6, see `centred`
    loss = method.loss
    assert (loss.ratio, loss.clip_low, loss.clip_high, loss.kl) == ("sequence", 0.2, 0.28, "none")


@pytest.mark.parametrize("topology", ["single_elimination", "swiss"])
def test_runs_are_trained_on_ranks(tmp_path: Path, topology: str) -> None:
    change: dict[str, Any] = {"rl": {"method": "arena", "steps": 2}, "tournament": {**PROGRAM, "topology": topology}}
    train(small(tmp_path / "r", change))
    rows = steps(tmp_path / "r")
    assert len(rows) == 2
    for row in rows:
        assert 3 <= row["tournament/comparisons"] <= 6
        assert (row["tournament/failed"], row["tournament/unranked"]) == (0, 0)
        assert 0 <= row["tournament/judge_agreement"] <= 1
        assert row["rl/reward"] == pytest.approx(0.5), "the mean of quantiles"
        assert row["rl/gate_gap"] < 1e-2, "log-probs of greedy tokens are those of the trainer, too"
    for group, advantages in groups(tmp_path / "r"):
        note, paths = group.notes[TOURNAMENT], group.rollouts()
        assert note["topology"] == topology
        r = np.array([group.turns[path[-1]].rewards[ARENA] for path in paths])
        assert r.tolist() == note["rewards"]
        expected = (r - r.mean()) / (r.std(ddof=1) + 1e-6)
        for path, advantage in zip(paths, expected, strict=True):
            for i in path:
                assert np.allclose(advantages[i], advantage, atol=1e-5)
    surprise = [
        np.mean([lp for i in path for lp in group.turns[i].logprobs])
        for group, _ in groups(tmp_path / "r")
        for path in group.rollouts()
    ]
    anchors, others = np.mean(surprise[::4]), np.mean([s for i, s in enumerate(surprise) if i % 4])
    assert (anchors > others + 0.1) == (topology == "single_elimination"), "the anchor takes the most likely tokens"


def test_ranks_are_the_same_in_every_run(tmp_path: Path) -> None:
    for name in ("a", "b"):
        train(small(tmp_path / name, BRIEF, {"rl": {"method": "arena"}, "tournament": PROGRAM}))
    assert results(tmp_path / "a") == results(tmp_path / "b")
    assert [g.notes for g, _ in groups(tmp_path / "a")] == [g.notes for g, _ in groups(tmp_path / "b")]


def test_the_pointwise_baseline_is_a_channel_of_its_own(tmp_path: Path) -> None:
    change = {
        "rl": {"method": "grpo", "rewards": [POINTWISE]},
        "tournament": {**PROGRAM, "compression": 0.2},
    }
    train(small(tmp_path / "r", BRIEF, change))
    (group, _), *_ = groups(tmp_path / "r")
    assert all(POINTWISE in group.turns[path[-1]].rewards for path in group.rollouts())
    assert TOURNAMENT not in group.notes
    assert "tournament/comparisons" not in steps(tmp_path / "r")[0]


REFUSED: list[tuple[dict[str, Any], type[AgentRLError], str]] = [
    ({"rl": {"method": "arena"}}, ConfigError, "needs somebody who compares"),
    ({"tournament": PROGRAM}, ConfigError, "it makes neither"),
    ({"rl": {"method": "arena", "group_size": 1}, "tournament": PROGRAM}, ConfigError, "group_size = 1"),
    (
        {"rl": {"method": "reinforce_pp", "rewards": [ARENA], "group_size": 1}, "tournament": PROGRAM},
        ConfigError,
        "a tournament needs two rollouts",
    ),
    ({"rl": {"method": "arena", "temperature": 0.8}, "tournament": PROGRAM}, ConfigError, "greedy_first = 'no'"),
    (
        {"rl": {"method": "arena"}, "tournament": {**PROGRAM, "quality": "progres"}},
        UnknownNameError,
        "did you mean 'progress'",
    ),
    (
        {"rl": {"method": "arena"}, "tournament": {**PROGRAM, "compression": 0.5}},
        ConfigError,
        "compression is for the reward pointwise",
    ),
    (
        {"rl": {"rewards": [POINTWISE]}, "tournament": {**PROGRAM, "topology": "swiss"}},
        ConfigError,
        "topology is for the reward arena",
    ),
    ({"rl": {"rewards": [POINTWISE]}}, ConfigError, "pointwise needs tournament.judge = 'programmatic'"),
    (
        {"rl": {"method": "arena"}, "tournament": PROGRAM, "judge": {"url": "http://127.0.0.1:1/v1", "model": "m"}},
        ConfigError,
        "set tournament.judge = 'llm'",
    ),
]


@pytest.mark.parametrize(("change", "kind", "message"), REFUSED, ids=[message for *_, message in REFUSED])
def test_what_does_not_fit_is_refused(change: dict[str, Any], kind: type[AgentRLError], message: str) -> None:
    with pytest.raises(kind, match=message):
        check(small(Path(), change))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["tournament.judge=programmatic"], "needs quality"),
        (["tournament.noise=0.5"], "noise is for judge = 'programmatic'"),
        (["tournament.topology=knockout"], "topology"),
    ],
)
def test_options_that_contradict_each_other_are_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config.load(overrides=overrides)


@pytest.mark.parametrize("change", [{"greedy_first": "no"}, {"topology": "swiss"}])
def test_without_an_anchor_any_temperature_will_do(change: dict[str, Any]) -> None:
    check(small(Path(), {"rl": {"method": "arena", "temperature": 0.8}, "tournament": {**PROGRAM, **change}}))


def test_a_language_model_has_to_be_audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require("openai")
    from agentrl.agents.judges.audit import Audit, save_audit
    from agentrl.agents.judges.llm_pairs import LLMPairJudge

    monkeypatch.setenv("AGENTRL_CACHE", str(tmp_path))
    judge = {"url": "http://127.0.0.1:1/v1", "model": "m"}
    config = small(Path(), {"rl": {"method": "arena"}, "judge": judge})
    with pytest.raises(ConfigError, match="was not audited"):
        check(config)
    check(small(Path(), {"rl": {"method": "arena"}, "judge": {**judge, "allow_unaudited": True}}))
    save_audit(judge["url"], judge["model"], LLMPairJudge.protocol, Audit({".": 0.5}, 1.0, 0.0, 0.0, 1.0, 9))
    with pytest.raises(ConfigError, match="failed its audit"):
        check(config)
    save_audit(judge["url"], judge["model"], LLMPairJudge.protocol, Audit({".": 0.0}, 1.0, 0.0, 0.0, 1.0, 9))
    check(config)


def test_the_configuration_survives_the_way_to_disk(tmp_path: Path) -> None:
    config = small(tmp_path, {"rl": {"method": "arena"}, "tournament": PROGRAM})
    (tmp_path / "c.toml").write_text(config.toml())
    assert Config.load(tmp_path / "c.toml") == config
