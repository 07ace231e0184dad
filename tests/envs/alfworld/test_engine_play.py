"""The engine's replies, commands and quirks, as the original has them (`test_differential.py` compares the two)."""

from __future__ import annotations

import copy
import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.text.alfworld.engine import Engine
from agentrl.envs.text.alfworld.game import Game, Goal
from agentrl.envs.text.alfworld.names import demangle
from agentrl.envs.text.alfworld.splits import load_task
from agentrl.envs.text.alfworld.state import State
from tests.conftest import require

require("alfworld")


class Play:
    """An engine and a state, for short tests."""

    def __init__(self, game: Game) -> None:
        self.engine = Engine(game)
        self.state = self.engine.start()

    def __call__(self, *commands: str) -> str | None:
        """Carry out commands; the reply to the last, None for "Nothing happens."."""
        reply: str | None = ""
        for command in commands:
            reply = self.engine.step(self.state, command)
        return reply

    @property
    def commands(self) -> list[str]:
        return list(self.engine.commands(self.state))

    @property
    def won(self) -> bool:
        return self.engine.share(self.state) == 1


@pytest.fixture
def play(kitchen: Game) -> Play:
    return Play(kitchen)


def test_first_observation(play: Play) -> None:
    assert play.engine.introduction(play.state) == (
        "-= Welcome to TextWorld, ALFRED! =-\n\n"
        "You are in the middle of a room. Looking quickly around you, you see a countertop 1, a desk 1, a fridge 1, "
        "a microwave 1, and a sinkbasin 1.\n\n"
        "Your task is to: put a hot apple in fridge."
    )
    assert play.commands == [
        "go to countertop 1",
        "go to desk 1",
        "go to fridge 1",
        "go to microwave 1",
        "go to sinkbasin 1",
        "help",
        "inventory",
        "look",
    ]


def test_look_before_moving_sees_nothing(play: Play) -> None:
    assert play("look") == ("You are in the middle of a room. Looking quickly around you, you see nothing.")


def test_numbers_descend_in_the_order_of_ids_and_and_comes_with_two_items(play: Play) -> None:
    assert (
        play("go to countertop 1")
        == "You arrive at countertop 1. On the countertop 1, you see a apple 2, and a knife 1."
    )
    assert play("go to fridge 1", "open fridge 1") == (
        "You open the fridge 1. The fridge 1 is open. In it, you see a apple 1."
    )


def test_going_to_where_one_stands_is_no_action(play: Play) -> None:
    play("go to fridge 1")
    assert play("go to microwave 1") is None
    assert play("go to fridge 1") is None
    assert "go to microwave 1" not in play.commands
    assert play("look") == "You are facing the fridge 1, and microwave 1. Next to it, you see nothing."


def test_receptacles_open_and_close(play: Play) -> None:
    assert play("go to fridge 1") == "You arrive at fridge 1. The fridge 1 is closed."
    assert "take apple 1 from fridge 1" not in play.commands
    assert play("close fridge 1") is None
    play("open fridge 1")
    assert play("open fridge 1") is None
    assert "take apple 1 from fridge 1" in play.commands
    assert play("close fridge 1") == "You close the fridge 1."
    assert play("examine fridge 1") == "The fridge 1 is closed."


def test_objects_are_examined_in_hand_only(play: Play) -> None:
    play("go to countertop 1")
    assert play("examine apple 2") is None
    assert play("take apple 2 from countertop 1") == "You pick up the apple 2 from the countertop 1."
    assert play("examine apple 2") == "There's nothing special about apple 2."
    assert play("inventory") == "You are carrying: a apple 2."
    assert play("take knife 1 from countertop 1") is None


def test_appliances_work_closed(play: Play) -> None:
    play("go to countertop 1", "take apple 2 from countertop 1")
    assert play("clean apple 2 with sinkbasin 1") == "You clean the apple 2 using the sinkbasin 1."
    assert play("go to microwave 1", "heat apple 2 with microwave 1") == "You heat the apple 2 using the microwave 1."
    assert play("examine apple 2") == "This is a hot and clean apple 2."
    assert play("cool apple 2 with fridge 1") == "You cool the apple 2 using the fridge 1."
    assert play("examine apple 2") == "This is a cool and clean apple 2."
    assert play("heat apple 2 with fridge 1") is None


def test_next_to_it_lists_what_moved_between_receptacles_of_one_place(play: Play) -> None:
    play("go to countertop 1", "take apple 2 from countertop 1", "move apple 2 to sinkbasin 1")
    assert play("look") == "You are facing the countertop 1, and sinkbasin 1. Next to it, you see a apple 2."
    assert play("examine sinkbasin 1") == "On the sinkbasin 1, you see a apple 2."
    play("take apple 2 from sinkbasin 1", "move apple 2 to countertop 1")
    assert play("look") == "You are facing the countertop 1, and sinkbasin 1. Next to it, you see a apple 2."


def test_slicing_reaches_into_a_closed_fridge(play: Play) -> None:
    play("go to countertop 1", "take knife 1 from countertop 1")
    assert play("slice apple 2 with knife 1") == "You sliced the apple 2 with the knife 1."
    assert play("go to fridge 1", "slice apple 1 with knife 1") == "You sliced the apple 1 with the knife 1."
    play("open fridge 1", "move knife 1 to fridge 1", "take apple 1 from fridge 1")
    assert play("examine apple 1") == "This is a sliced apple 1."


def test_a_lamp_is_always_turned_on(play: Play) -> None:
    play("go to desk 1")
    assert play("use desklamp 1") == "You turn on the desklamp 1."
    assert play("use desklamp 1") == "You turn on the desklamp 1."
    assert play("take desklamp 1 from desk 1") is None


def test_help_lists_the_commands(play: Play) -> None:
    assert str(play("help")).startswith("Available commands:\n  look: ")
    assert str(play("help")).endswith("slice an object using a sharp object\n")


@pytest.mark.parametrize("command", ["", " ", "LOOK", "go to", "look look", "take apple 2", "x" * 10**6, "né\u0000\n"])
def test_other_text_does_nothing(play: Play, command: str) -> None:
    before = play.commands
    assert play(command) is None
    assert play.commands == before


def test_white_space_around_a_command_is_ignored(play: Play) -> None:
    assert play("\t look \n") is not None


def test_heating_wins_only_in_the_fridge(play: Play) -> None:
    play("go to fridge 1", "open fridge 1", "take apple 1 from fridge 1", "move apple 1 to fridge 1")
    assert not play.won
    play("take apple 1 from fridge 1", "heat apple 1 with microwave 1")
    assert not play.won
    play("move apple 1 to fridge 1")
    assert play.won


def test_two_objects_count_in_one_receptacle_only(kitchen: Game) -> None:
    more = dataclasses.replace(kitchen.receptacles[1], id="desk_bar_2")
    play = Play(
        dataclasses.replace(
            kitchen,
            goal=Goal("pick_two_obj_and_place", "appletype", "desktype"),
            receptacles=(*kitchen.receptacles, more),
        )
    )
    play("go to countertop 1", "take apple 2 from countertop 1", "go to desk 1", "move apple 2 to desk 1")
    play("go to fridge 1", "open fridge 1", "take apple 1 from fridge 1", "go to desk 1", "move apple 1 to desk 2")
    assert not play.won
    play("take apple 1 from desk 2", "move apple 1 to desk 1")
    assert play.won


def test_looking_needs_object_in_hand_lamp_used_and_agent_at_it(kitchen: Game) -> None:
    play = Play(dataclasses.replace(kitchen, goal=Goal("look_at_obj_in_light", "booktype", toggle="desklamptype")))
    play("go to desk 1", "use desklamp 1")
    assert not play.won
    play("take book 1 from desk 1")
    assert play.won
    play("go to fridge 1")
    assert not play.won


def test_demangled_names() -> None:
    ids = ["sink_bar_1_bar_sinkbasin", "sink_bar_1", "sink_bar_2", "pen_bar_9", "bowl7"]
    assert demangle(ids) == ["sinkbasin 1", "sink 2", "sink 1", "pen 1", "bowl7 "]


def walk(engine: Engine, state: State, chance: random.Random, steps: int) -> None:
    for _ in range(steps):
        verb = chance.choice(sorted({command.split()[0] for command in engine.commands(state)}))
        engine.step(state, chance.choice([c for c in engine.commands(state) if c.startswith(verb)]))


@given(task=st.integers(0, 59), seed=st.integers(0, 2**32), before=st.integers(0, 20), after=st.integers(1, 20))
def test_copies_are_independent_and_equal(task: int, seed: int, before: int, after: int) -> None:
    engine = Engine(load_task(f"train/{task}"))
    state = engine.start()
    walk(engine, state, random.Random(seed), before)
    twin, kept = state.copy(), dump(state)
    walk(engine, state, random.Random(seed), after)
    assert dump(twin) == kept
    walk(engine, twin, random.Random(seed), after)
    assert dump(twin) == dump(state)


@given(task=st.integers(0, 59), seed=st.integers(0, 2**32))
def test_remembered_menus_are_those_of_a_fresh_engine(task: int, seed: int) -> None:
    game, chance = load_task(f"train/{task}"), random.Random(seed)
    engine = Engine(game)
    for _ in range(2):
        state = engine.start()
        for _ in range(10):
            walk(engine, state, chance, 3)
            other = state.copy()
            other.menu = None
            assert engine.commands(state) == Engine(game).commands(other)


@given(task=st.integers(0, 59), seed=st.integers(0, 2**32))
def test_every_listed_command_does_something(task: int, seed: int) -> None:
    engine = Engine(load_task(f"valid_unseen/{task}"))
    state = engine.start()
    walk(engine, state, random.Random(seed), 15)
    assert list(engine.commands(state)) == sorted(set(engine.commands(state)))
    for command in engine.commands(state):
        assert engine.step(state.copy(), command) is not None


def dump(state: State) -> list[object]:
    return copy.deepcopy([getattr(state, name) for name in State.__slots__ if name != "menu"])
