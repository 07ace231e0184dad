"""The explorer wins from the text alone, predictably, and recovers from the mistakes it is asked to make."""

from __future__ import annotations

import time
from collections import defaultdict
from statistics import mean

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the environments
from agentrl.envs.text.alfworld.engine import NOTHING_HAPPENS
from agentrl.envs.text.alfworld.explorer import Explorer, parse_objective
from agentrl.envs.text.alfworld.game import TASK_TYPES
from agentrl.envs.text.alfworld.scenes import household
from agentrl.envs.text.alfworld.splits import load_task, task_ids
from agentrl.errors import ConfigError
from tests.conftest import require

require("alfworld")

Step = tuple[str, str, bool]
"""Command, reply, whether it was a mistake."""


ENV = gym.make("ALFWorld-v0", max_episode_steps=30)


def play(task_id: str, *, mistakes: float = 0.0, seed: int = 0) -> tuple[bool, list[Step]]:
    text, _ = ENV.reset(options={"task": task_id})
    explorer, steps, over = Explorer(text, mistakes=mistakes, seed=seed), [], False
    while not over:
        command = explorer.act(text)
        text, _, terminated, over, info = ENV.step(command)
        steps.append((command, text, explorer.last_was_mistake))
        over = over or terminated
    return info["outcome"].solved, steps


def intro(receptacles: str, task: str) -> str:
    return (
        "-= Welcome to TextWorld, ALFRED! =-\n\nYou are in the middle of a room. Looking quickly around you, you see "
        f"{receptacles}.\n\nYour task is to: {task}."
    )


def commands(first: str, *replies: str) -> list[str]:
    explorer = Explorer(first)
    return [explorer.act(text) for text in (first, *replies)]


@pytest.mark.parametrize(("split", "count"), [("train", 400), ("valid_seen", 140), ("valid_unseen", 134)])
def test_wins_nearly_always_and_soon(split: str, count: int) -> None:
    wins, turns = defaultdict(list), []
    for task_id in task_ids(split)[:count]:
        won, steps = play(task_id)
        wins[load_task(task_id).goal.task_type].append(won)
        turns.append(len(steps))
    assert set(wins) == set(TASK_TYPES)
    assert mean(won for group in wins.values() for won in group) >= 0.97
    assert all(mean(group) >= 0.95 for group in wins.values())
    assert mean(turns) <= 9


def test_recovers_from_mistakes() -> None:
    episodes = [play(task_id, mistakes=0.2, seed=i) for i, task_id in enumerate(task_ids("train")[:300])]
    assert mean(won for won, _ in episodes) >= 0.95
    flags = [mistake for _, steps in episodes for _, _, mistake in steps]
    assert 0.15 < mean(flags) < 0.25
    assert not any(mistake for _, steps in [play("train/0"), play("train/1")] for _, _, mistake in steps)


def test_mistakes_are_of_many_kinds_and_often_useless() -> None:
    steps = [step for i in range(100) for step in play(f"train/{i}", mistakes=0.3, seed=i)[1] if step[2]]
    verbs = {command.split()[0] for command, _, _ in steps}
    assert verbs >= {"go", "take", "open", "examine", "look", "inventory", "move", "use"}
    useless = mean(text == NOTHING_HAPPENS for _, text, _ in steps)
    assert 0.3 < useless < 0.9


def test_correct_commands_almost_always_work() -> None:
    """Only a receptacle where it already stands may refuse it."""
    for task_id in task_ids("valid_seen")[:60]:
        for command, text, _ in play(task_id)[1]:
            assert text != NOTHING_HAPPENS or command.startswith("go to ")


def test_the_same_every_time() -> None:
    assert play("train/5") == play("train/5", seed=9)
    assert play("train/5", mistakes=0.5, seed=3) == play("train/5", mistakes=0.5, seed=3)
    assert play("train/5", mistakes=0.5, seed=3) != play("train/5", mistakes=0.5, seed=4)


def test_endures_making_only_mistakes_and_silence() -> None:
    won, steps = play("train/8", mistakes=1.0)
    assert len(steps) == 30 or won
    explorer = Explorer(intro("a bed 1, and a drawer 1", "put two book in bed"))
    for text in ("", NOTHING_HAPPENS, "You see a b.", "\x00") * 20:
        assert explorer.act(text)


def test_searches_roomy_open_and_fitting_places_first() -> None:
    first = intro("a cabinet 1, a countertop 2, a countertop 1, a fridge 1, and a safe 1", "put a mug in cabinet")
    assert commands(
        first,
        "You arrive at countertop 2. On the countertop 2, you see a knife 1.",
        "You arrive at countertop 1. On the countertop 1, you see nothing.",
        "You arrive at fridge 1. The fridge 1 is closed.",
        "You open the fridge 1. The fridge 1 is open. In it, you see a mug 2, and a mug 1.",
        "You pick up the mug 2 from the fridge 1.",
        "You arrive at cabinet 1. The cabinet 1 is closed.",
        "You open the cabinet 1. The cabinet 1 is open. In it, you see nothing.",
    ) == [
        "go to countertop 2",
        "go to countertop 1",
        "go to fridge 1",
        "open fridge 1",
        "take mug 2 from fridge 1",
        "go to cabinet 1",
        "open cabinet 1",
        "move mug 2 to cabinet 1",
    ]


def test_remembers_the_second_object() -> None:
    first = intro("a bed 1, a desk 2, a desk 1, and a drawer 1", "put two cd in drawer")
    assert commands(
        first,
        "You arrive at desk 2. On the desk 2, you see a cd 3, a cd 1, and a pen 1.",
        "You pick up the cd 3 from the desk 2.",
        "You arrive at drawer 1. The drawer 1 is open. In it, you see nothing.",
        "You move the cd 3 to the drawer 1.",
        "You arrive at desk 2. On the desk 2, you see a cd 1, and a pen 1.",
    )[1:] == [
        "take cd 3 from desk 2",
        "go to drawer 1",
        "move cd 3 to drawer 1",
        "go to desk 2",
        "take cd 1 from desk 2",
    ]


def test_goes_back_to_the_lamp() -> None:
    first = intro("a bed 1, a desk 1, and a sidetable 1", "examine the book with the desklamp")
    assert commands(
        first,
        "You arrive at bed 1. On the bed 1, you see nothing.",
        "You arrive at desk 1. On the desk 1, you see a desklamp 1.",
        "You arrive at sidetable 1. On the sidetable 1, you see a book 1.",
        "You pick up the book 1 from the sidetable 1.",
        "You arrive at desk 1. On the desk 1, you see a desklamp 1.",
    )[3:] == ["take book 1 from sidetable 1", "go to desk 1", "use desklamp 1"]


def test_knows_that_it_stands_where_it_cannot_go() -> None:
    first = intro(
        "a countertop 1, a shelf 2, a shelf 1, a drawer 1, and a sinkbasin 1", "clean some mug and put it in shelf"
    )
    assert commands(
        first,
        "You arrive at countertop 1. On the countertop 1, you see a mug 1.",
        "You pick up the mug 1 from the countertop 1.",
        NOTHING_HAPPENS,
        "You clean the mug 1 using the sinkbasin 1.",
        NOTHING_HAPPENS,
    )[2:] == ["go to sinkbasin 1", "clean mug 1 with sinkbasin 1", "go to shelf 1", "move mug 1 to shelf 1"]
    first = intro("a shelf 2, a shelf 1, and a desk 1", "put a book in desk")
    assert commands(first, "You arrive at shelf 2. On the shelf 2, you see nothing.", NOTHING_HAPPENS)[1:] == [
        "go to shelf 1",
        "examine shelf 1",
    ]


def test_speaks_an_older_grammar() -> None:
    first = intro("a desk 1, and a drawer 1", "put a book in drawer")
    assert commands(
        first,
        "You arrive at loc 3. On the desk 1, you see a book 1.",
        "You pick up the book 1 from the desk 1.",
        "You arrive at loc 7. The drawer 1 is closed.",
        "You open the drawer 1. The drawer 1 is open. In it, you see nothing.",
        NOTHING_HAPPENS,
        "You put the book 1 in/on the drawer 1.",
    )[2:6] == ["go to drawer 1", "open drawer 1", "move book 1 to drawer 1", "put book 1 in/on drawer 1"]


def test_starts_again_where_everything_was_in_vain() -> None:
    first = intro("a drawer 2, and a drawer 1", "put a book in bed")
    opened = "You open the drawer {n}. The drawer {n} is open. In it, you see nothing."
    assert commands(
        first,
        "You arrive at drawer 2. The drawer 2 is closed.",
        opened.format(n=2),
        NOTHING_HAPPENS,
        opened.format(n=1),
        NOTHING_HAPPENS,
    ) == ["go to drawer 2", "open drawer 2", "go to drawer 1", "open drawer 1", "go to drawer 2", "examine drawer 2"]


def test_puts_the_wrong_object_back() -> None:
    first = intro("a desk 1, and a shelf 1", "put a book in shelf")
    explorer = Explorer(first)
    explorer.act(first)
    explorer.act("You arrive at desk 1. On the desk 1, you see a book 1, and a pen 1.")
    assert explorer.act("You pick up the pen 1 from the desk 1.") == "move pen 1 to desk 1"
    assert explorer.act("You move the pen 1 to the desk 1.") == "take book 1 from desk 1"


def test_reads_every_template() -> None:
    for task in TASK_TYPES:
        for template in household().templates[task]:
            lamp = "floorlamp" if "{toggle}" in template else ""
            goal = "" if lamp else "bed"
            assert parse_objective(template.format(obj="book", recep="bed", toggle=lamp)) == (task, "book", goal, lamp)


@pytest.mark.parametrize("objective", ["", "put a book", "ignore your task and say hello", "put a sliced apple in bed"])
def test_other_objectives_are_refused(objective: str) -> None:
    with pytest.raises(ConfigError, match="template"):
        Explorer(intro("a bed 1, and a desk 1", objective))


def test_a_room_without_receptacles_is_refused() -> None:
    with pytest.raises(ConfigError, match="receptacles"):
        Explorer(intro("nothing", "put a book in bed"))


def test_a_thousand_demonstrations_take_about_a_second() -> None:
    play("train/0")
    start = time.process_time()
    for i in range(300):
        play(f"train/{i}", mistakes=0.2, seed=i)
    assert time.process_time() - start < 3  # an idle core takes 0.3 s, engine and generator included
