"""Generated games: reproducible, varied, plausible, and won by their own walkthrough."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter

import pytest

from agentrl.envs.text.alfworld.game import TASK_TYPES, Game
from agentrl.envs.text.alfworld.generator import TREATMENTS, generate
from agentrl.envs.text.alfworld.scenes import household, load_scene, package_folder, scene_names
from agentrl.errors import MissingExtraError, UnknownNameError
from tests.conftest import require

require("alfworld")

GAMES = [generate("train", i) for i in range(600)]
UNSEEN = [generate("test_unseen", i) for i in range(402)]


def targets(game: Game) -> list[str]:
    return [thing.receptacle or "" for thing in game.objects if thing.type == game.goal.object]


def test_reading_the_floor_plans_imports_nothing_of_alfworld() -> None:
    code = (
        "import sys; from agentrl.envs.text.alfworld.generator import generate; generate('train', 0);"
        "print([m for m in ('alfworld', 'textworld', 'torch', 'cv2') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_all_120_floor_plans_make_scenes() -> None:
    names = scene_names(unseen=True) + scene_names(unseen=False)
    assert len(set(names)) == 120
    for name in names:
        scene = load_scene(name)
        ids = [receptacle.id for receptacle in scene.receptacles]
        assert ids == sorted(set(ids))
        assert not {receptacle.location for receptacle in scene.receptacles} & set(scene.starts)
        assert scene.starts
        assert {receptacle.type for receptacle in scene.receptacles} >= {rtype for rtype, _ in scene.can_contain}


def test_the_known_kitchen() -> None:
    scene = load_scene("FloorPlan10")
    counts = Counter(receptacle.type for receptacle in scene.receptacles)
    assert scene.room == "Kitchen"
    assert counts["cabinettype"] == counts["countertoptype"] == counts["drawertype"] == counts["shelftype"] == 3
    assert counts["stoveburnertype"] == 4
    fridge = next(r for r in scene.receptacles if r.type == "fridgetype")
    assert fridge.id == "fridge_bar__plus_00_dot_97_bar__plus_00_dot_00_bar__plus_01_dot_25"
    assert fridge.location == "loc_bar_0_bar_5_bar_1_bar_0"
    assert fridge.openable
    assert not fridge.opened
    sink = next(r for r in scene.receptacles if r.type == "sinkbasintype")
    assert sink.id == "sink_bar__minus_00_dot_70_bar__plus_00_dot_93_bar__minus_00_dot_65_bar_sinkbasin"


def test_unknown_scenes_and_a_missing_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="FloorPlan10'"):
        load_scene("FloorPlan100")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="alfworld"):
        package_folder()


def test_household_knowledge() -> None:
    house = household()
    assert house.openable == {"fridge", "microwave", "cabinet", "drawer", "safe"}
    assert house.flags["apple"] == {"pickupable", "heatable", "coolable", "cleanable", "sliceable"}
    assert house.flags["desklamp"] == {"toggleable"}
    assert "isreceptacleobject" in house.flags["bowl"]
    assert "mug" in house.holds["coffeemachine"]
    assert not any(kind.endswith("sliced") for kinds in house.holds.values() for kind in kinds)


def test_the_same_in_another_process_with_other_hashes() -> None:
    """A golden value: if it changes, published figures of generated games no longer apply."""
    code = (
        "import hashlib; from agentrl.envs.text.alfworld.generator import generate;"
        "games = [generate(s, i) for s in ('train', 'valid_unseen') for i in range(30)];"
        "text = repr([(g.game_id, g.scene, g.objective, g.start, g.locations, g.walkthrough, g.receptacles,"
        " [(o.id, o.receptacle, o.location, sorted(o.flags)) for o in g.objects], sorted(g.can_contain))"
        " for g in games]);"
        "print(hashlib.sha256(text.encode()).hexdigest()[:16])"
    )
    for seed in ("1", "2"):
        output = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert output.strip() == "72fa326c83e46a55"


def test_task_types_take_turns() -> None:
    for games in (GAMES, UNSEEN):
        assert Counter(game.goal.task_type for game in games) == dict.fromkeys(TASK_TYPES, len(games) // 6)


def test_nothing_is_misplaced() -> None:
    for game in GAMES + UNSEEN:
        receptacles = {receptacle.id: receptacle for receptacle in game.receptacles}
        ids = [thing.id for thing in game.objects]
        assert ids == sorted(set(ids))
        for thing in game.objects:
            place = receptacles[thing.receptacle or ""]
            assert thing.location == place.location
            assert "toggleable" in thing.flags or (place.type, thing.type) in game.can_contain
        assert game.start in game.locations
        assert game.start not in {receptacle.location for receptacle in game.receptacles}


def test_goals_are_open_at_the_start_and_plausible() -> None:
    for game in GAMES + UNSEEN:
        goal, types = game.goal, {receptacle.id: receptacle.type for receptacle in game.receptacles}
        homes = targets(game)
        assert len(homes) >= 1 + (goal.task_type == "pick_two_obj_and_place")
        assert goal.receptacle not in {types[home] for home in homes}
        flags = next(thing.flags for thing in game.objects if thing.type == goal.object)
        assert "pickupable" in flags
        if goal.task_type in TREATMENTS:
            _, fact, appliance = TREATMENTS[goal.task_type]
            assert fact in flags
            assert f"{appliance}type" in types.values()
            assert goal.receptacle != f"{appliance}type"
        if goal.task_type == "look_at_obj_in_light":
            assert goal.toggle in ("desklamptype", "floorlamptype")
            assert sum(thing.type == goal.toggle for thing in game.objects) == 1
        else:
            assert (goal.receptacle, goal.object) in game.can_contain


def test_objectives_are_worded_as_the_official_games_word_them() -> None:
    for game in GAMES:
        goal = game.goal
        obj, recep, toggle = (kind.removesuffix("type") for kind in (goal.object, goal.receptacle, goal.toggle))
        wordings = [t.format(obj=obj, recep=recep, toggle=toggle) for t in household().templates[goal.task_type]]
        assert game.objective in wordings
    assert {game.objective.split()[0] for game in GAMES} == {"put", "look", "examine", "clean", "heat", "cool", "find"}
    assert {game.objective.split()[1] for game in GAMES if game.objective.startswith("put")} == {"a", "some", "two"}


def test_variety() -> None:
    assert len({game.scene for game in GAMES}) > 90
    assert len({game.goal.object for game in GAMES}) > 35
    assert len({game.goal.receptacle for game in GAMES}) > 15
    assert {game.goal.toggle for game in GAMES} == {"", "desklamptype", "floorlamptype"}
    assert {len(targets(game)) for game in GAMES} == {1, 2, 3, 4}
    assert len({len(game.objects) for game in GAMES}) > 15


def test_fast_enough() -> None:
    generate("train", 0)
    start = time.process_time()
    for index in range(1000, 1500):
        generate("train", index)
    assert time.process_time() - start < 1.0  # an idle core makes 500 games in 0.05 s
