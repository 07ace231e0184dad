"""Whole runs whose rollouts come from lookahead trees, and what such runs refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentrl.config import Config
from agentrl.errors import AgentRLError, ConfigError
from tests.conftest import require

require("torch")
require("transformers")
require("rapidfuzz")
require("torch.utils.tensorboard")

from agentrl.agents.loop import LOOKAHEAD
from agentrl.trainers.lookahead import Lookahead, TokenOptions
from agentrl.trainers.loop import train
from agentrl.trainers.methods import METHODS
from agentrl.trainers.report_lookahead import WIDTH, best_tree
from agentrl.trainers.runs import Run
from tests.trainers.signs import ASKED, SIGNS
from tests.trainers.small import small
from tests.trainers.trees import chains

TOKENS: dict[str, Any] = {
    "rl": {"method": "latr", "steps": 3},
    "eval": {"every": 0, "test_games": 0},
    "lookahead": {"overrides": {"tau_abs": 0.02, "tau_rel": 0.95, "lookahead": [2, 3]}, "share": {0: 1.0, 2: 0.5}},
}
TURNS: dict[str, Any] = {"rl": {"steps": 2}, "eval": {"every": 0, "test_games": 0}, "lookahead": {"level": "turn"}}


def steps(path: Path) -> list[dict[str, Any]]:
    return [row for row in Run.open(path).metrics() if "rl/success" in row]


def check_tokens(path: Path) -> None:
    """What was generated is what the rollouts have, less what they share, and more what was pruned."""
    run = Run.open(path)
    for row in steps(path):
        groups = [group for group, _ in run.rollouts(row["step"])]
        returned = sum(len(g.turns[i].action_ids) for g in groups for p in g.rollouts() for i in p)
        records = [g.notes[LOOKAHEAD] for g in groups if LOOKAHEAD in g.notes]
        assert row["rl/generated_tokens"] == returned - sum(r["returned"] - r["tokens"] for r in records)
        assert bool(records) == ("lookahead/trees" in row)
        if records:
            assert row["lookahead/cost"] <= 1.3
            assert row["lookahead/branched"] == sum(r["branched"] for r in records) / len(records)


def test_latr_trains(tmp_path: Path) -> None:
    train(small(tmp_path / "r", TOKENS))
    rows = steps(tmp_path / "r")
    assert [row["rl/episodes"] for row in rows] == [16.0] * 3
    assert [row["lookahead/trees"] for row in rows] == [4.0] * 3
    assert max(row["lookahead/branched"] for row in rows) > 1
    assert all(row["rl/gate_gap"] < 0.05 for row in rows)
    widths = [
        {group.notes[LOOKAHEAD]["width"] for group, _ in Run.open(tmp_path / "r").rollouts(row["step"])} for row in rows
    ]
    assert widths == [{4}, {4}, {2}]
    check_tokens(tmp_path / "r")
    html = (tmp_path / "r" / "report.html").read_text()
    assert "A lookahead tree of tokens" in html
    assert html.count('<g class="leaf">') + html.count('<g class="copy">') == 2


@pytest.mark.parametrize("method", ["grpo", "gigpo"])
def test_methods_compose_with_trees_of_turns(tmp_path: Path, method: str) -> None:
    train(small(tmp_path / "r", TURNS, {"rl": {"method": method}}))
    rows = steps(tmp_path / "r")
    assert len(rows) == 2
    assert all(row["lookahead/trees"] == 4 for row in rows)
    assert all(0 < row["rl/episodes"] <= 16 for row in rows)
    check_tokens(tmp_path / "r")
    run = Run.open(tmp_path / "r")
    for group, advantages in run.rollouts(rows[0]["step"]):
        assert advantages is not None
        assert len(advantages) == len(group.turns)
        if method != "grpo":
            continue
        # A turn that leaves share has the mean of what they have.
        own = {path[-1]: float(advantages[path[-1]][0]) for path in group.rollouts()}  # type: ignore[index]
        for i, advantage in enumerate(advantages):
            below = [own[path[-1]] for path in group.rollouts() if i in path]
            assert advantage[0] == pytest.approx(sum(below) / len(below), abs=1e-5)  # type: ignore[index]


def test_a_tree_as_it_is_drawn() -> None:
    """Children below their parents, the latest birth first; the words are those of the rollouts in their order."""
    branches = [
        {"number": 0, "parent": None, "born": 0, "length": 8, "fate": "leaf", "token": None},
        {"number": 1, "parent": 0, "born": 2, "length": 4, "fate": "pruned", "token": 5},
        {"number": 2, "parent": 0, "born": 4, "length": 6, "fate": "leaf", "token": 6},
        {"number": 3, "parent": 2, "born": 5, "length": 8, "fate": "leaf", "token": 7},
    ]
    record = {"level": "token", "width": 3, "leaves": 3, "branched": 3, "pruned": 1, "tokens": 15, "wasted": 2}
    group = chains([1.0], [0.0], [0.5])
    group.notes[LOOKAHEAD] = {**record, "returned": 22, "branches": branches}
    drawing = best_tree([(9, [chains([0.0])]), (8, [group])], "t{}".format)
    assert drawing is not None
    assert "step 8 · 3 of 3 places · 3 branches, 1 pruned · 15 tokens sampled, 2 of them in vain" in drawing.caption
    step = WIDTH / 8
    assert [(b.x / step, b.end / step, b.fate, b.first) for b in drawing.branches] == [
        (0, 8, "leaf", ""),
        (4, 6, "leaf", "t6"),
        (5, 8, "leaf", "t7"),
        (2, 4, "pruned", "t5"),
    ]
    trunk, second, third, first = drawing.branches
    assert (second.parent_y, third.parent_y, first.parent_y) == (trunk.y, second.y, trunk.y)
    assert trunk.y < second.y < third.y < first.y
    assert [b.label for b in drawing.branches] == ["1  act", "0  act", "0.5  act", "pruned"]
    assert best_tree([(9, [chains([0.0])])], str) is None


def test_generation_may_run_ahead(tmp_path: Path) -> None:
    train(small(tmp_path / "r", TOKENS, {"async": {"staleness": 1}}))
    assert max(row["staleness/max"] for row in steps(tmp_path / "r")) == 1


def test_shares() -> None:
    options = TokenOptions()
    table = Lookahead(options, {0: 1.0, 10: 0.75, 20: 0.5, 80: 0.25, 200: 0.0})
    assert [table.rollouts(step, 8) for step in (0, 9, 10, 25, 80, 199, 200, 500)] == [8, 8, 6, 4, 2, 2, 0, 0]
    assert table.rollouts(80, 4) == 0  # a single rollout makes no tree
    annealed = Lookahead(options, 0.8, 0.5)
    assert [annealed.rollouts(step, 10) for step in range(4)] == [8, 4, 2, 0]


def test_the_method() -> None:
    latr = METHODS["latr"]
    assert (latr.lookahead, latr.loss.kl_coef, latr.loss.clip_high) == ("token", 0.01, 0.2)
    assert METHODS["grpo"].lookahead == "none"


def test_the_section_survives_toml(tmp_path: Path) -> None:
    config = small(tmp_path / "r", TOKENS)
    (tmp_path / "config.toml").write_text(config.toml())
    assert Config.load(tmp_path / "config.toml") == config
    again = Config.load(overrides=["lookahead.share=0.5", "lookahead.decay=0.9", "lookahead.level=turn"])
    assert json.loads(again.model_dump_json())["lookahead"]["share"] == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rl": {"method": "latr", "group_size": 1}}, "group_size = 1"),
        ({"rl": {"method": "latr"}}, "after 20 tokens, and engine.max_action_tokens = 8"),
        ({"lookahead": {"overrides": {"tau_ed": 0.1}}}, "options and no level"),
        ({"lookahead": {"level": "none", "share": 0.5}}, "options and no level"),
        ({"lookahead": {"level": "turn", "share": 0.25}}, "its share of rl.group_size = 4 is not even two"),
        ({"lookahead": {"level": "turn", "share": 0.0}}, "not even two"),
        ({"lookahead": {"level": "turn", "overrides": {"action": 2}}}, "did you mean 'actions'"),
        ({"lookahead": {"level": "turn", "overrides": {"lookahead": 3}}}, "value of lookahead '3'"),
        ({"lookahead": {"level": "turn"}, "engine": {"sessions": 2}}, "raise engine.sessions = 2"),
        ({"lookahead": {"level": "turn"}, "env": {"max_turns": 1}}, "two turns or more"),
        (
            {"lookahead": {"level": "turn"}, "rl": {"method": "igpo"}, "env": {"id": ASKED}},
            "gives the reward information_gain to single episodes",
        ),
        (
            {"rl": {"method": "latr", "temperature": 0.7}, "engine": {"kind": "vllm", "urls": ["http://localhost:1"]}},
            "rl.temperature = 0.7: on vLLM",
        ),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(f"{t}.{k}" for t in value for k in value[t]),
)
def test_what_cannot_work_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(AgentRLError, match=message):
        train(small(tmp_path / "r", change))
    assert list(tmp_path.iterdir()) == []


def test_environments_that_cannot_fork_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.trainers.signs import Signs

    def fork(self: Signs) -> Signs:
        raise ConfigError("it cannot be forked")

    monkeypatch.setattr(Signs, "fork", fork)
    with pytest.raises(ConfigError, match="cannot be forked"):
        train(small(tmp_path / "r", TURNS, {"env": {"id": SIGNS}}))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"share": {5: 1.0}}, "begins at step 0"),
        ({"share": 1.5}, "must lie in"),
        ({"decay": 0.5}, "decay is for a share that is a number"),
        ({"level": "turn", "preset": "math"}, "preset is for the level token"),
        ({"preset": "contdown"}, "preset"),
    ],
)
def test_sections_that_contradict_themselves(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config.model_validate({"lookahead": section})
