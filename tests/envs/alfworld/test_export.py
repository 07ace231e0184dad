"""Exported games: our loader reads them back unchanged; the original package finds them and wins them."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from agentrl.envs.text.alfworld.export import export, game_file, trial_folder
from agentrl.envs.text.alfworld.game import TASK_TYPES, Game
from agentrl.envs.text.alfworld.loader import find_games, game_from_data, load_game
from agentrl.envs.text.alfworld.pddl_text import problem_text, spell
from agentrl.envs.text.alfworld.splits import load_task, task_ids
from agentrl.errors import UnknownNameError
from tests.conftest import require

require("alfworld")

SIX = [f"valid_unseen/{i}" for i in range(6)]
"""One game of each task type, in all four room kinds."""


def comparable(game: Game) -> Game:
    """A game without what a file adds: its path as id, and its own copy of the texts."""
    return dataclasses.replace(game, game_id="", texts=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("games")
    export(SIX, where)
    return where


def test_round_trip(folder: Path) -> None:
    for task_id in SIX:
        game = load_task(task_id)
        assert comparable(load_game(folder / trial_folder(game) / "game.tw-pddl")) == comparable(game)


@pytest.mark.parametrize("split", ["train", "valid_seen", "test_unseen"])
def test_round_trip_in_memory(split: str) -> None:
    for task_id in task_ids(split)[:60]:
        game = load_task(task_id)
        assert comparable(game_from_data(game_file(game), task_id, game.scene)) == comparable(game)


def test_round_trip_of_what_the_generator_never_makes() -> None:
    game = load_task("train/0")
    first, second, *others = game.objects
    game = dataclasses.replace(
        game,
        receptacles=tuple(dataclasses.replace(r, opened=r.openable) for r in game.receptacles),
        objects=(
            dataclasses.replace(first, flags=first.flags | {"isclean", "ishot", "issliced"}),
            dataclasses.replace(second, receptacle=None, location=None),
            *others,
        ),
    )
    assert comparable(game_from_data(game_file(game), "changed", game.scene)) == comparable(game)


def test_layout(folder: Path) -> None:
    games = [load_task(task_id) for task_id in SIX]
    assert sorted(str(path) for path in folder.rglob("game.tw-pddl")) == find_games(folder)
    assert {trial_folder(game).parts[1].split("-")[0] for game in games} == set(TASK_TYPES)
    for game in games:
        home = folder / trial_folder(game)
        assert sorted(path.name for path in home.iterdir()) == ["game.tw-pddl", "initial_state.pddl", "traj_data.json"]
        content = json.loads((home / "game.tw-pddl").read_text())
        assert content["solvable"] is True
        assert content["walkthrough"] == list(game.walkthrough)
        assert f"Your task is to: {game.objective}." in content["grammar"]
        assert (home / "initial_state.pddl").read_text() == content["pddl_problem"] == problem_text(game)
        data = json.loads((home / "traj_data.json").read_text())
        assert data["task_type"] == game.goal.task_type
        assert data["scene"]["floor_plan"] == game.scene
        assert data["pddl_params"]["object_target"].lower() + "type" == game.goal.object


def test_look_games_are_filed_under_their_lamp() -> None:
    game = next(
        load_task(t)
        for t in task_ids("valid_unseen")
        if load_task(t).scene == "FloorPlan308" and load_task(t).goal.toggle
    )
    home = trial_folder(game)
    assert home.parts[0] == "valid_unseen"
    assert home.parts[1].startswith("look_at_obj_in_light-")
    assert home.parts[1].endswith("-None-DeskLamp-308")
    assert home.parts[2].startswith("trial_valid_unseen_")


def test_export_twice_changes_nothing(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    written = export(SIX[:2], folder)
    assert [path.name for path in written] == ["game.tw-pddl"] * 2
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_unknown_task(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="valid_unseen/133"):
        export(["valid_unseen/134"], tmp_path)


@pytest.mark.parametrize(
    ("name", "official"),
    [
        ("sidetabletype", "SideTableType"),
        ("tvstand", "TVStand"),
        ("cd_bar__plus_00_dot_10", "CD_bar__plus_00_dot_10"),
        ("sink_bar__plus_00_dot_10_bar_sinkbasin", "Sink_bar__plus_00_dot_10_bar_SinkBasin"),
        ("bathtub_bar_00_dot_00_bar_bathtubbasin", "Bathtub_bar_00_dot_00_bar_BathtubBasin"),
        ("unheardof_bar_1", "unheardof_bar_1"),
        ("", ""),
    ],
)
def test_spelling(name: str, official: str) -> None:
    assert spell(name) == official
    assert spell(name).lower() == name


def test_the_original_finds_the_games_and_its_planner_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALFWORLD_DATA", str(folder))
    textworld = require("textworld")
    original = require("alfworld.agents.environment.alfred_tw_env")
    config = {
        "env": {"goal_desc_human_anns_prob": 0, "task_types": [1, 2, 3, 4, 5, 6]},
        "dataset": {"eval_ood_data_path": "$ALFWORLD_DATA/valid_unseen", "num_eval_games": 0},
    }
    found = original.AlfredTWEnv(config, train_eval="eval_out_of_distribution").game_files
    assert sorted(map(os.path.realpath, found)) == sorted(map(os.path.realpath, find_games(folder)))

    infos = textworld.EnvInfos(won=True, admissible_commands=True)
    player = original.AlfredDemangler(require("textworld.envs").PddlEnv(infos))
    player = original.AlfredExpert(player, original.AlfredExpertType.PLANNER)
    for path in found[::2]:
        player.load(path)
        state = player.reset()
        plan = state["extra.expert_plan"]
        assert 0 < len(plan) <= len(load_game(path).walkthrough) + 4
        for command in plan:
            state, _, _ = player.step(command)
        assert state["won"]


def test_our_walkthroughs_win_in_the_original(folder: Path) -> None:
    textworld = require("textworld")
    original = require("alfworld.agents.environment.alfred_tw_env")
    player = original.AlfredDemangler(require("textworld.envs").PddlEnv(textworld.EnvInfos(won=True)))
    for task_id in SIX[1::2]:
        game = load_task(task_id)
        player.load(game_file(game))
        state = player.reset()
        for command in game.walkthrough:
            assert not state["won"]
            state, _, _ = player.step(command)
            assert state.feedback != "Nothing happens."
        assert state["won"]
