"""Reading game files: PDDL, goals, grammars, folders, and what is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.text.alfworld.engine import Engine
from agentrl.envs.text.alfworld.export import export, game_file
from agentrl.envs.text.alfworld.game import TASK_TYPES, Goal
from agentrl.envs.text.alfworld.goals import read_goal
from agentrl.envs.text.alfworld.grammar import installed_texts, read_grammar
from agentrl.envs.text.alfworld.loader import find_games, game_from_data, load_game, task_type_of
from agentrl.envs.text.alfworld.pddl import parse
from agentrl.envs.text.alfworld.scenes import household
from agentrl.envs.text.alfworld.splits import load_task
from agentrl.envs.text.alfworld.variants import VARIANTS, vary
from agentrl.errors import ConfigError, CorruptFileError, UnsupportedGameError
from tests.conftest import require

require("alfworld")


@pytest.fixture
def data() -> dict[str, Any]:
    return game_file(load_task("train/3"))


# -- PDDL and goals --------------------------------------------------------------------------------------------


def test_parse_ignores_comments_and_case() -> None:
    assert parse("(a (B c) ; (d\n ())") == ["a", ["b", "c"], []]


@pytest.mark.parametrize("text", ["", "a", "(a", "(a))", "(a) (b)"])
def test_parse_refuses_unbalanced_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"expression|parenthesis"):
        parse(text)


def library_goal(task_type: str) -> Any:
    text = household().goals[task_type].format(obj="Mug", recep="Desk", toggle="DeskLamp", mrecep="Bowl")
    return parse(text.replace("#", "-").rstrip().removesuffix(")"))[1]


@pytest.mark.parametrize("task_type", TASK_TYPES)
def test_the_six_goals_of_the_installed_library(task_type: str) -> None:
    look = task_type == "look_at_obj_in_light"
    expected = Goal(task_type, "mugtype", "" if look else "desktype", "desklamptype" if look else "")
    assert read_goal(library_goal(task_type)) == expected


@pytest.mark.parametrize("task_type", sorted(set(household().goals) - set(TASK_TYPES)))
def test_its_other_goals_are_refused(task_type: str) -> None:
    with pytest.raises(UnsupportedGameError, match='engine="original"'):
        read_goal(library_goal(task_type))


def test_a_goal_may_name_its_variables_and_nest_as_it_likes() -> None:
    goal = parse(
        "(exists (?x - receptacle) (and (exists (?y - object) (and (and (objectType ?y PenType)"
        " (inReceptacle ?y ?x)))) (receptacleType ?x SafeType)))"
    )
    assert read_goal(goal) == Goal("pick_and_place_simple", "pentype", "safetype")


def test_the_older_look_goal() -> None:
    goal = parse(
        "(and (exists (?ot - object ?a - agent ?l - location) (and (objectType ?ot DeskLampType) (toggleable ?ot)"
        " (isToggled ?ot) (objectAtLocation ?ot ?l) (atLocation ?a ?l))) (exists (?o - object ?a - agent)"
        " (and (objectType ?o CDType) (holds ?a ?o))))"
    )
    assert read_goal(goal) == Goal("look_at_obj_in_light", "cdtype", "", "desklamptype", lamp_at_location=True)


@pytest.mark.parametrize(
    "goal",
    [
        "(exists (?r - receptacle ?o - object) (and (inReceptacle ?o ?r) (isSliced ?o) (objectType ?o AppleType)"
        " (receptacleType ?r FridgeType)))",
        "(exists (?r - receptacle) (forall (?o - object) (inReceptacle ?o ?r)))",
        "(exists (?r - receptacle ?o - object) (and (inReceptacle ?o ?r) (objectType ?o AppleType)"
        " (receptacleType ?o FridgeType)))",
        "(or (holds agent1 pen1))",
    ],
)
def test_other_goals_are_refused(goal: str) -> None:
    with pytest.raises(UnsupportedGameError, match='engine="original"'):
        read_goal(parse(goal))


# -- grammars --------------------------------------------------------------------------------------------------


def test_variants_of_the_grammar(data: dict[str, Any]) -> None:
    found = {}
    for variant in VARIANTS:
        texts, objective = read_grammar(vary(data, variant, random.Random(0))["grammar"])
        assert objective == load_task("train/3").objective
        found[variant] = texts
    assert found["as generated"] == installed_texts()
    assert found["as generated"].commands["putobject"] == "move {o} to {r}"
    old = found["grammar of 2.1.1"]
    assert old.commands["putobject"] == "put {o} in/on {r}"
    assert old.replies["putobject"] == "You put the {o} in/on the {r}."
    assert old.replies["gotolocation"] == "You arrive at {l}. {examine}"
    assert "help" not in old.commands
    assert found["grammar of 2.1.2"].replies["help"] == "\\nAvailable commands:\\n"


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('"take {o} from {r}"', '"take {o} from {x}"', "{x}"),
        ("You close the {r.name}.", "You close #something#.", "#something#"),
        ('"openable(r:receptacle)"', '"opened(r:receptacle)"', "examineReceptacle"),
        ("Your task is to: ", "Please ", "Please"),
        ("action CloseObject", "action ShutObject", "closeobject"),
        ("isclean(o:object)", "isdirty(o:object)", "examineObject"),
    ],
)
def test_other_grammars_are_refused_by_name(data: dict[str, Any], before: str, after: str, named: str) -> None:
    assert before in data["grammar"]
    with pytest.raises(UnsupportedGameError, match=named):
        read_grammar(data["grammar"].replace(before, after))


# -- problems --------------------------------------------------------------------------------------------------


def test_what_no_fact_mentions_takes_no_number(data: dict[str, Any]) -> None:
    more = data["pddl_problem"].replace("(:objects", "(:objects\n Book_bar_zzz - object Zebra - receptacle", 1)
    assert game_from_data({**data, "pddl_problem": more}, "x").objects == game_from_data(data, "x").objects


@pytest.mark.parametrize(
    ("key", "before", "after", "named"),
    [
        ("pddl_domain", "(holds ?a ?ko)", "(not (holds ?a ?ko))", "sliceobject"),
        ("pddl_domain", "(:action help", "(:action jump", "jump"),
        ("pddl_domain", ":action OpenObject", ":axiom OpenObject", "openobject"),
        ("pddl_problem", "(:init", "(:init (holdsAny agent1)", "in hand"),
    ],
)
def test_other_domains_and_problems_are_refused(
    data: dict[str, Any], key: str, before: str, after: str, named: str
) -> None:
    assert before in data[key]
    with pytest.raises(UnsupportedGameError, match=f"(?s)^some/path: .*{named}"):
        game_from_data({**data, key: data[key].replace(before, after, 1)}, "some/path")


@pytest.mark.parametrize("key", ["pddl_domain", "grammar", "pddl_problem", "walkthrough"])
@pytest.mark.parametrize("value", [None, 7, "", "(define", "(" * 10**5 + ")" * 10**5, 'grammar :: """{"a": 7}""";'])
def test_corrupt_content(data: dict[str, Any], key: str, value: object) -> None:
    if key == "walkthrough" and not value:
        assert game_from_data({**data, key: value}, "some/path").walkthrough == ()
        return
    with pytest.raises((CorruptFileError, UnsupportedGameError), match=r"^some/path: "):
        game_from_data({**data, key: value}, "some/path")


@pytest.mark.parametrize("fact", ["atLocation agent1", "objectType x y", "openable nothing", "inReceptacle agent1 x"])
def test_a_fact_about_something_else_is_corrupt(data: dict[str, Any], fact: str) -> None:
    problem = data["pddl_problem"].replace("(:init", f"(:init ({fact})", 1)
    with pytest.raises(CorruptFileError, match=r"^some/path: "):
        game_from_data({**data, "pddl_problem": problem}, "some/path")


@given(key=st.sampled_from(["pddl_domain", "grammar", "pddl_problem"]), seed=st.integers(0, 2**32))
def test_damage_is_reported_or_harmless(key: str, seed: int) -> None:
    data, chance = game_file(load_task("train/3")), random.Random(seed)
    text = data[key]
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(text) + 1)
        text = text[:start] + chance.choice(["", "{", "}", '"', "(", ")", "#", "[", "]", "x", "null"]) + text[start:]
        text = text[:start] + text[start + chance.choice([0, 1, 5, 40, 400]) :]
    try:
        game = game_from_data({**data, key: text}, "some/path")
    except (CorruptFileError, UnsupportedGameError) as error:
        assert str(error).startswith("some/path: ")  # noqa: PT017 - the other branch is as good
    else:
        engine = Engine(game)
        state = engine.start()
        assert engine.introduction(state)
        assert all(engine.step(state.copy(), command) is not None for command in engine.commands(state))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"solvable": true}'])
def test_corrupt_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "game.tw-pddl"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=r"game\.tw-pddl: "):
        load_game(path)


# -- folders ---------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    export(["train/0", "train/1", "valid_seen/0"], tmp_path / "json_2.1.1")
    return tmp_path / "json_2.1.1"


def test_a_folder_has_its_splits(folder: Path) -> None:
    assert len(find_games(folder)) == 3
    assert len(find_games(folder, "train")) == 2
    assert len(find_games(folder, "valid_seen")) == 1
    assert len(find_games(folder / "train", "valid_seen")) == 2
    assert find_games(folder.parent, "train") == find_games(folder, "train")
    with pytest.raises(ConfigError, match="train, valid_seen"):  # rather than validate on games for training
        find_games(folder, "valid_unseen")
    assert find_games(folder) == sorted(find_games(folder))
    assert len(find_games(str(folder / "*" / "*" / "*" / "game.tw-pddl"))) == 3
    first = find_games(folder, "train")[0]
    assert find_games(first) == [first]
    assert load_game(first).scene == load_task("train/0").scene or load_game(first).scene == load_task("train/1").scene
    assert task_type_of(first) == load_game(first).goal.task_type


def test_games_below_alfworld_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALFWORLD_DATA", str(folder))
    assert len(find_games("train")) == 2
    assert len(find_games("$ALFWORLD_DATA/valid_seen")) == 1
    with pytest.raises(ConfigError, match="ALFWORLD_DATA"):
        find_games("valid_unseen")


def test_games_that_the_original_skips(folder: Path) -> None:
    one, two = (Path(path) for path in find_games(folder, "train"))
    one.write_text(json.dumps({**json.loads(one.read_text()), "solvable": False}))
    (two.parent / "traj_data.json").unlink()
    (seen,) = find_games(folder)
    home = Path(seen).parent
    for name in ("pick_and_place_with_movable_recep-1", "look_at-AppleSliced-2"):
        home = home.rename(folder / name)
        with pytest.raises(ConfigError, match="no solvable game"):
            find_games(folder)
