"""Runs that reward information gain: who makes the channel, when, and by which weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentrl.agents.information_gain import GAIN, PAPER_FORM, InformationGain
from agentrl.config import GainConfig
from agentrl.errors import AgentRLError, ConfigError
from agentrl.trainers.demos import make_env
from agentrl.trainers.gains import information_gain
from agentrl.trainers.loop import train
from agentrl.trainers.methods import get_method
from agentrl.trainers.runs import Run
from agentrl.types import Turn
from tests.trainers.signs import ASKED, SIGNS, TUTORED
from tests.trainers.small import results, small


def rollouts(path: Path) -> list[tuple[int, list[Turn]]]:
    """(step, turns) of each rollout that was trained."""
    run = Run.open(path)
    groups = [(n, group) for n, step in enumerate(run.rollout_steps()) for group, _ in run.rollouts(step)]
    return [(step, [group.turns[i] for i in path]) for step, group in groups for path in group.rollouts()]


@pytest.mark.parametrize("architecture", ["lfm2", "qwen3"])
@pytest.mark.parametrize("staleness", [0, 1])
def test_every_turn_but_the_last_is_scored_by_the_weights_of_its_time(
    architecture: str, staleness: int, tmp_path: Path
) -> None:
    change: dict[str, Any] = {
        "env": {"id": ASKED},
        "model": {"architecture": architecture},
        "rl": {"method": "igpo", "steps": 3},
        "async": {"staleness": staleness},
    }
    train(small(tmp_path / "r", change))
    played = rollouts(tmp_path / "r")
    assert any(len(turns) > 2 for _, turns in played)
    for step, (*turns, last) in played:
        assert all(turn.rewards[GAIN] != 0 for turn in turns)
        assert all(max(turn.versions) <= turn.scored_version <= step for turn in turns)
        assert all(step - turn.scored_version <= staleness for turn in turns)
        assert len({turn.scored_version for turn in turns}) <= 1
        assert GAIN not in last.rewards
    shares = [row["time/scoring_share"] for row in _steps(tmp_path / "r")]
    assert sum(shares) > 0, "of single steps it may be 0 where rollouts run ahead"
    assert max(shares) < 0.5


def _steps(path: Path) -> list[dict[str, float]]:
    return [row for row in Run.open(path).metrics() if "rl/success" in row]


def test_gains_are_the_same_in_every_run(tmp_path: Path) -> None:
    change = {"env": {"id": ASKED}, "rl": {"method": "igpo"}}
    for name in ("a", "b"):
        train(small(tmp_path / name, change))
    assert results(tmp_path / "a") == results(tmp_path / "b")
    gains = [[[t.rewards for t in turns] for _, turns in rollouts(tmp_path / name)] for name in ("a", "b")]
    assert gains[0] == gains[1]


def test_a_channel_that_the_environment_gives_is_left_alone(tmp_path: Path) -> None:
    train(small(tmp_path / "r", {"env": {"id": TUTORED}, "rl": {"method": "igpo"}}))
    turns = [turn for _, turns in rollouts(tmp_path / "r") for turn in turns]
    assert {turn.scored_version for turn in turns} == {None}
    assert {row["time/scoring_share"] for row in _steps(tmp_path / "r")} == {0.0}


def test_the_form_is_that_of_the_configuration_or_the_environment_or_the_paper() -> None:
    igpo = get_method("igpo")
    env = make_env(small(Path(), {"env": {"id": ASKED}}).env)
    assert information_gain(GainConfig(), igpo, env) == InformationGain("go {answer}.")
    asked = GainConfig(form="<{answer}>", difference="probability")
    assert information_gain(asked, igpo, env) == InformationGain("<{answer}>", "probability")
    plain = make_env(small(Path(), {"env": {"id": SIGNS}}).env)
    assert information_gain(GainConfig(), igpo, plain) == InformationGain(PAPER_FORM)
    assert information_gain(GainConfig(), get_method("grpo"), env) is None
    with pytest.raises(ConfigError, match="the form of an answer"):
        information_gain(GainConfig(form="answer[]"), igpo, env)


@pytest.mark.parametrize("change", [{"rl": {"method": "grpo"}}, {"rl": {"method": "igpo"}, "env": {"id": TUTORED}}])
def test_options_that_nothing_would_use_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    change["rl"]["information_gain"] = {"form": "<{answer}>"}
    with pytest.raises(AgentRLError, match=r"add it to rl\.rewards, or leave these options out"):
        train(small(tmp_path / "r", change))
    assert list(tmp_path.iterdir()) == []
