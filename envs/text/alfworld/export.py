"""Write generated games as folders that the original `alfworld` package finds, loads and plays.

<folder>/<split>/<task type>-<Object>-None-<Destination>-<scene number>/trial_<split>_<index>/
    game.tw-pddl   traj_data.json   initial_state.pddl
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from agentrl.envs.text.alfworld.game import Game
from agentrl.envs.text.alfworld.pddl_text import problem_text, spell
from agentrl.envs.text.alfworld.scenes import package_folder
from agentrl.envs.text.alfworld.splits import load_task


def export(task_ids: Iterable[str], folder: str | Path) -> list[Path]:
    """Write each game's folder, replacing what an earlier export left there; returns the `game.tw-pddl` files.

    Raises:
        UnknownNameError: there is no such task.
        MissingExtraError: `alfworld` is not installed.
        OSError: a file cannot be written.
    """
    written = []
    for task_id in task_ids:
        game = load_task(task_id)
        home = Path(folder) / trial_folder(game)
        home.mkdir(parents=True, exist_ok=True)
        content = game_file(game)
        (home / "initial_state.pddl").write_text(content["pddl_problem"], encoding="utf-8")
        (home / "traj_data.json").write_text(json.dumps(trajectory_data(game), indent=2), encoding="utf-8")
        (home / "game.tw-pddl").write_text(json.dumps(content), encoding="utf-8")
        written.append(home / "game.tw-pddl")
    return written


def game_file(game: Game) -> dict[str, Any]:
    """Content of `game.tw-pddl`, which TextWorld's `PddlEnv` also takes as it is."""
    domain, grammar = _logic()
    return {
        "pddl_domain": domain,
        "grammar": grammar.replace("UNKNOWN GOAL", game.objective),
        "pddl_problem": problem_text(game),
        "walkthrough": list(game.walkthrough),
        "solvable": True,
    }


def trajectory_data(game: Game) -> dict[str, Any]:
    """Content of `traj_data.json`: what the original loader and its handcoded expert read, and the scene."""
    goal = game.goal
    return {
        "task_id": trial_folder(game).name,
        "task_type": goal.task_type,
        "pddl_params": {
            "object_target": _bare(goal.object),
            "parent_target": _bare(goal.receptacle),
            "toggle_target": _bare(goal.toggle),
            "mrecep_target": "",
            "object_sliced": False,
        },
        "scene": {"floor_plan": game.scene, "scene_num": int(game.scene.removeprefix("FloorPlan"))},
        "turk_annotations": {"anns": [{"task_desc": game.objective, "high_descs": list(game.walkthrough)}]},
    }


def trial_folder(game: Game) -> Path:
    """Folder of a generated game, relative to the folder of all splits."""
    split, _, index = game.game_id.partition("/")
    goal = game.goal
    destination = _bare(goal.receptacle or goal.toggle)
    number = game.scene.removeprefix("FloorPlan")
    task = f"{goal.task_type}-{_bare(goal.object)}-None-{destination}-{number}"
    return Path(split, task, f"trial_{split}_{index}")


def _bare(pddl_type: str) -> str:
    """`sidetabletype` → `SideTable`."""
    return spell(pddl_type.removesuffix("type"))


@cache
def _logic() -> tuple[str, str]:
    data = package_folder() / "data"
    return (data / "alfred.pddl").read_text(encoding="utf-8"), (data / "alfred.twl2").read_text(encoding="utf-8")
