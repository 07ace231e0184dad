"""The contract checker: environments that keep the contract pass, and each fault is found under its own name."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.envs.toy_text import FrozenLakeEnv

from agentrl.envs.check import Finding, Report, check
from agentrl.envs.properties import PROPERTIES
from agentrl.envs.trace import Seen, difference
from agentrl.errors import AgentRLError
from tests.conftest import require

FIXTURES = Path(__file__).parents[1] / "fixtures"
BROKEN = [
    *("WrongSpace", "UndeclaredChannel", "OverlappingSplits", "OneSeed", "HashOrder", "ProcessId", "ShortOracle"),
    *("WinsByChance", "SharingFork", "SharingSnapshot", "FullBudget", "SharedLength", "FragileParser"),
    *("UntypedTruncation", "NoPicture"),
]


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FIXTURES)
    return importlib.import_module("toy_envs")


def test_a_third_party_environment_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FIXTURES)
    report = check("toy_envs:Corridor-v0")
    assert report.passed, str(report)
    assert [finding.name for finding in report.findings] == list(PROPERTIES)


def test_an_environment_of_one_turn_passes(toys: ModuleType) -> None:
    report = check("Quiz-v0")
    assert report.passed, str(report)


def test_an_environment_that_only_this_process_knows_is_told_how_to_register(toys: ModuleType) -> None:
    spec = gym.spec("Corridor-v0")
    gym.register("Local-v0", entry_point=toys.Corridor, additional_wrappers=spec.additional_wrappers)
    failed = {f.name: f.message for f in check("Local-v0").findings if not f.passed}
    assert set(failed) == {"determinism"}
    assert "entry point 'module:Class'" in failed["determinism"]


@pytest.mark.parametrize("name", BROKEN)
def test_each_fault_breaks_its_own_property_alone(toys: ModuleType, name: str) -> None:
    report = check(f"{name}-v0")
    assert [f.name for f in report.findings if not f.passed] == [toys.BROKEN[f"{name}-v0"]], str(report)


def test_every_property_has_a_fault_that_breaks_it(toys: ModuleType) -> None:
    assert set(toys.BROKEN.values()) == set(PROPERTIES)
    assert {name.removesuffix("-v0") for name in toys.BROKEN} == set(BROKEN)


def test_arguments_reach_the_environment(toys: ModuleType) -> None:
    report = check("Corridor-v0", split="test")
    assert report.passed, str(report)


def test_too_short_a_time_limit_is_the_oracles_failure(toys: ModuleType) -> None:
    failed = {f.name: f.message for f in check("Corridor-v0", max_episode_steps=2).findings if not f.passed}
    assert set(failed) == {"oracle"}
    assert "within the time limit" in failed["oracle"]


@pytest.mark.filterwarnings("ignore:Game .* is not fully supported")
@pytest.mark.parametrize(("env_id", "kwargs"), [("ALFWorld-v0", {}), ("TextWorld-v0", {"games": 2})])
def test_our_environments_pass(env_id: str, kwargs: dict[str, Any]) -> None:
    require("textworld")
    report = check(env_id, **kwargs)
    assert report.passed, str(report)


def test_an_environment_without_the_contract_is_refused() -> None:
    gym.register("NoContract-v0", entry_point=FrozenLakeEnv)
    with pytest.raises(AgentRLError, match=r"register it with agentrl\.register"):
        check("NoContract-v0")


def test_an_unknown_id_is_gymnasiums_error() -> None:
    with pytest.raises(gym.error.Error):
        check("NoSuchThing-v0")


def test_a_report_is_plain_data() -> None:
    report = Report("X-v0", (Finding("oracle", True, "", 0.5), Finding("fork", False, "copy it", 0.25)))
    assert json.loads(json.dumps(report.to_dict())) == {
        "env_id": "X-v0",
        "passed": False,
        "findings": [
            {"name": "oracle", "passed": True, "message": "", "seconds": 0.5},
            {"name": "fork", "passed": False, "message": "copy it", "seconds": 0.25},
        ],
    }
    assert str(report).splitlines() == ["pass  oracle", "FAIL  fork             copy it"]
    assert Report("X-v0", ()).passed


def seen(**changes: Any) -> Seen:
    return Seen(**{"observation": "a", "reward": 0.0, "terminated": False, "truncated": False, "info": "{}", **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"observation": "b"}, "observation 1 is 'b' instead of 'a'"),
        ({"observation": "ab"}, "observation 1 is 'ab' instead of 'a'"),
        ({"reward": 1.0}, "reward 1 is 1.0 instead of 0.0"),
        ({"truncated": True}, "truncated 1 is True instead of False"),
        ({"info": '{"x": 1}'}, "info 1 is '{\"x\": 1}' instead of '{}'"),
    ],
)
def test_difference_names_the_first_field_that_differs(changes: dict[str, Any], words: str) -> None:
    assert difference([seen(), seen()], [seen(), seen(**changes)]) == words


def test_difference_of_equal_and_of_shorter_traces() -> None:
    assert difference([seen()], [seen()]) == ""
    assert difference([seen(), seen()], [seen()]) == "1 answers instead of 2"


def test_difference_shows_the_neighbourhood_of_a_late_change() -> None:
    words = difference([seen(observation="x" * 500 + "old" + "y" * 500)], [seen(observation="x" * 500 + "new")])
    assert "new" in words
    assert "old" in words
    assert len(words) < 250
