"""Read the games of the original package: one `game.tw-pddl`, a folder in the official layout, or a glob."""

from __future__ import annotations

import glob
import json
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentrl.envs.text.alfworld.game import Game, Object, Receptacle
from agentrl.envs.text.alfworld.goals import read_goal
from agentrl.envs.text.alfworld.grammar import read_grammar
from agentrl.envs.text.alfworld.pddl import Expr, check_domain, parse, sections, unsupported
from agentrl.envs.text.alfworld.splits import SIZES
from agentrl.envs.text.alfworld.state import FACTS
from agentrl.errors import ConfigError, CorruptFileError, UnsupportedGameError

_SIGNATURES = {
    "atlocation": ("agent", "location"),
    "receptacleatlocation": ("receptacle", "location"),
    "objectatlocation": ("object", "location"),
    "receptacletype": ("receptacle", "rtype"),
    "objecttype": ("object", "otype"),
    "inreceptacle": ("object", "receptacle"),
    "inreceptacleobject": ("object", "object"),
    "cancontain": ("rtype", "otype"),
    "openable": ("receptacle",),
    "opened": ("receptacle",),
    **dict.fromkeys(FACTS, ("object",)),
}
"""Predicates that the engine reads → types of their arguments."""


def find_games(where: str | os.PathLike[str], split: str = "") -> list[str]:
    """Paths of the games that `where` names, sorted.

    Environment variables and `~` are expanded; a relative path that does not exist is looked for below
    `ALFWORLD_DATA`. In a folder, games are sought at any depth as the original does it: with `traj_data.json` beside
    them, solvable, and no "movable" or "Sliced" in the path. If it has subfolders for splits, only in that of `split`
    ("" for all).

    Raises:
        ConfigError: there is no such file, folder or split, or no game in it.
    """
    pattern = os.path.expanduser(os.path.expandvars(os.fspath(where)))
    data = os.environ.get("ALFWORLD_DATA", os.path.expanduser("~/.cache/alfworld"))
    found = [pattern] if os.path.exists(pattern) else glob.glob(pattern, recursive=True)
    found = found or glob.glob(os.path.join(data, pattern), recursive=True)
    if not found:
        raise ConfigError(f"games={os.fspath(where)!r}: no such file, folder or glob, nor below ALFWORLD_DATA ({data})")
    games: list[str] = []
    for path in found:
        games.extend(_games_in(_split_folder(Path(path), split)) if os.path.isdir(path) else [path])
    if not games:
        raise ConfigError(f"games={os.fspath(where)!r}: no solvable game.tw-pddl with traj_data.json beside it")
    return sorted(games)


def _split_folder(folder: Path, split: str) -> Path:
    """The folder of a split, in `folder` or one level below as in `json_2.1.1/train`; `folder` if it has no splits."""
    for home in (folder, *sorted((path for path in folder.iterdir() if path.is_dir()), reverse=True)):
        there = [name for name in SIZES if (home / name).is_dir()]
        if split in there:
            return home / split
        if split and there:
            raise ConfigError(f"games={str(folder)!r}: no folder {split!r} in {home}, but {', '.join(there)}")
    return folder


def _games_in(folder: Path) -> list[str]:
    games = []
    for path in folder.rglob("game.tw-pddl"):
        parent = path.parent
        if "movable" in str(parent) or "Sliced" in str(parent) or not (parent / "traj_data.json").exists():
            continue
        if read_json(path).get("solvable"):
            games.append(str(path))
    return games


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        CorruptFileError: the file cannot be read or is something else.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CorruptFileError(path, error.strerror or "cannot be read") from error
    except ValueError as error:
        raise CorruptFileError(path, f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise CorruptFileError(path, "not a JSON object")
    return data


def load_game(path: str | os.PathLike[str]) -> Game:
    """Read one `game.tw-pddl`; `traj_data.json` beside it, if there, tells the scene.

    Raises:
        CorruptFileError: the file is not such a game, or its goal is out of reach.
        UnsupportedGameError: it uses what the engine does not play; the message names it.
    """
    scene = _trajectory(path).get("scene")
    name = str(scene.get("floor_plan", "")) if isinstance(scene, dict) else ""
    return game_from_data(read_json(path), os.fspath(path), name)


def task_type_of(path: str | os.PathLike[str]) -> str:
    """Task type of a game that our engine may not play: from `traj_data.json` beside it, "" if that is missing.

    Raises:
        CorruptFileError: `traj_data.json` cannot be read.
    """
    return str(_trajectory(path).get("task_type", ""))


def _trajectory(path: str | os.PathLike[str]) -> dict[str, Any]:
    beside = Path(path).parent / "traj_data.json"
    return read_json(beside) if beside.exists() else {}


def game_from_data(data: Mapping[str, Any], name: str, scene: str = "") -> Game:
    """A game from the content of a `game.tw-pddl`; `name` becomes its id and is what errors mention."""
    for key in ("pddl_domain", "grammar", "pddl_problem"):
        if not isinstance(data.get(key), str):
            raise CorruptFileError(name, f"no text under {key!r}")
    walkthrough = data.get("walkthrough") or []
    if not isinstance(walkthrough, list) or not all(isinstance(command, str) for command in walkthrough):
        raise CorruptFileError(name, "'walkthrough' is no list of commands")
    try:
        has_help = check_domain(data["pddl_domain"])
        texts, objective = read_grammar(data["grammar"])
        if has_help != ("help" in texts.commands):
            raise unsupported('"help" in only one of domain and grammar')
        return _read_problem(
            parse(data["pddl_problem"]),
            game_id=name,
            scene=scene,
            objective=objective,
            walkthrough=tuple(walkthrough),
            texts=texts,
        )
    except UnsupportedGameError as error:
        raise UnsupportedGameError(f"{name}: {error}") from error
    except (ValueError, KeyError, IndexError, RecursionError) as error:
        raise CorruptFileError(name, f"not an ALFWorld game: {error}") from error


def _read_problem(problem: list[Expr], **rest: Any) -> Game:
    (declared,), (init,), (goal,) = (list(sections(problem, name)) for name in (":objects", ":init", ":goal"))
    typed = _typed(declared[1:])
    facts = _facts(init[1:], typed)
    if facts["holds"] or facts["holdsany"]:
        raise unsupported("a game that starts with an object in hand")
    ((_, start),) = facts["atlocation"]
    where, kinds = _by_first(facts["receptacleatlocation"]), _by_first(facts["receptacletype"])
    inside, places = _by_first(facts["inreceptacle"]), _by_first(facts["objectatlocation"])
    types, inner = _by_first(facts["objecttype"]), _by_first(facts["inreceptacleobject"])
    having = {fact: set(_by_first(facts[fact])) for fact in ("openable", "opened", *FACTS)}
    for name, found in (*where.items(), *kinds.items(), *types.items()):
        if len(found) > 1:
            raise unsupported(f"two places or kinds of {name}")

    mentioned = {word for lists in facts.values() for words in lists for word in words}
    named = defaultdict(list)  # what no fact mentions has no number in the original
    for name, kind in sorted(typed):
        if name in mentioned:
            named[kind].append(name)
    return Game(
        goal=read_goal(goal[1]),
        receptacles=tuple(
            Receptacle(
                r, _first(kinds[r]) or "", _first(where[r]) or "", r in having["openable"], r in having["opened"]
            )
            for r in named["receptacle"]
        ),
        objects=tuple(
            Object(
                o,
                _first(types[o]) or "",
                _first(inside[o]),
                _first(places[o]),
                frozenset(fact for fact in FACTS if o in having[fact]),
                also_in=tuple(inside[o][1:]),
                also_at=tuple(places[o][1:]),
                contents=tuple(sorted(thing for thing, outers in inner.items() if o in outers and o != thing)),
            )
            for o in named["object"]
        ),
        can_contain=frozenset((rtype, otype) for rtype, otype in facts["cancontain"]),
        locations=tuple(named["location"]),
        start=start,
        **rest,
    )


def _facts(init: list[Expr], typed: list[tuple[str, str]]) -> dict[str, list[list[str]]]:
    """Predicate → argument lists; numeric facts (distances, costs) are left out."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for name, kind in typed:
        names[kind].add(name)
    facts: defaultdict[str, list[list[str]]] = defaultdict(list)
    for fact in init:
        predicate, *words = map(str, fact)
        if predicate != "=":
            facts[predicate].append(words)
    for predicate, kinds in _SIGNATURES.items():
        for words in facts[predicate]:
            if len(words) != len(kinds) or any(w not in names[kind] for w, kind in zip(words, kinds, strict=True)):
                raise ValueError(f"({predicate} {' '.join(words)}) does not fit {predicate}({', '.join(kinds)})")
    return facts


def _by_first(lists: list[list[str]]) -> defaultdict[str, list[str]]:
    """First argument → the second arguments it occurs with, each once (none for unary facts)."""
    result: defaultdict[str, list[str]] = defaultdict(list)
    for first, *second in lists:
        result[first].extend(word for word in second if word not in result[first])
    return result


def _typed(declared: list[Expr]) -> list[tuple[str, str]]:
    """(name, type) from a list `a b - type c - type …`."""
    result: list[tuple[str, str]] = []
    waiting: list[str] = []
    words = iter(str(word) for word in declared)
    for word in words:
        if word == "-":
            kind = next(words)
            result.extend((name, kind) for name in waiting)
            waiting = []
        else:
            waiting.append(word)
    return result


def _first(words: list[str]) -> str | None:
    return words[0] if words else None
