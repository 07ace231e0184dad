"""TextWorld-v0 through gym.make: real games of every family, won by their walkthroughs, against the original engine."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import agentrl  # noqa: F401 - registers the ids
from agentrl.envs.base import Episode
from agentrl.envs.trace import difference, play, start
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome
from tests.conftest import require

textworld = require("textworld")
from agentrl.envs.text.textworld import engine, library
from agentrl.envs.text.textworld.levels import parse
from agentrl.envs.text.textworld.oracle import NoSolutionError, solution

pytestmark = pytest.mark.filterwarnings("ignore:Game .* is not fully supported")

COOKING = "cooking-recipe1-take1-go6-open-cook-cut"
LEVELS = [
    *("w2-o3-q4", "simple-dense", "simple-balanced-brief", "simple-sparse-none"),
    *("coin_collector-3", "treasure_hunter-3", COOKING, "cooking-recipe1-take1-drop"),
]


def make(level: str = "w2-o3-q4", **kwargs: Any) -> Episode:
    env = gym.make("TextWorld-v0", level=level, **kwargs)
    assert isinstance(env, Episode)
    return env


@pytest.fixture
def env() -> Iterator[Episode]:
    env = make()
    start(env, "train/0")
    yield env
    env.close()


@pytest.mark.parametrize("level", LEVELS)
def test_the_oracle_wins_with_full_reward_in_every_channel(level: str) -> None:
    env = make(level)
    env.reset(options={"task": "train/0"})
    totals: dict[str, float] = {}
    outcome = Outcome.running()
    for action in env.oracle():
        assert outcome == Outcome.running()
        _, reward, terminated, _, info = env.step(action)
        outcome = info["outcome"]
        assert terminated == outcome.done
        assert reward == info["rewards"]["outcome"]
        for channel, value in info["rewards"].items():
            totals[channel] = totals.get(channel, 0.0) + value
    assert outcome == Outcome.terminated(success=True)
    assert totals["outcome"] == 1.0
    assert totals["score"] == pytest.approx(1.0)
    assert totals["dense"] == pytest.approx(1.0)
    assert totals["progress"] >= 1.0


def test_dense_rewards_count_no_step_twice(env: Episode) -> None:
    """They add up to what is behind, whatever was tried meanwhile, and to 1 once the game is won."""
    rng = random.Random(0)
    earned = total = 0.0
    for _ in range(8):
        before = len(list(env.oracle()))
        command = rng.choice(env.step("look")[4]["admissible_commands"])
        *_, info = env.step(command)
        assert not info["outcome"].done, "this walk does not win"
        reward = info["rewards"]["dense"]
        assert reward >= 0
        assert reward == 0 or len(list(env.oracle())) < before
        total += reward
    for command in list(env.oracle()):
        *_, info = env.step(command)
        earned += info["rewards"]["dense"]
    assert total + earned == pytest.approx(1.0)
    assert info["outcome"].solved


def test_a_player_errs_as_often_as_asked_and_wins_all_the_same() -> None:
    env = make()
    env.reset(options={"task": "train/0"})
    assert [env.demonstrator().act("")] == list(env.oracle())[:1]
    mistakes = turns = 0
    played = set()
    for seed in range(12):
        observation, _ = env.reset(options={"task": "train/0"})
        expert, done, actions = env.demonstrator(seed=seed, mistakes=0.4), False, []
        while not done:
            best = next(env.oracle())
            actions.append(expert.act(observation))
            assert (actions[-1] != best) == expert.last_was_mistake
            observation, _, done, _, info = env.step(actions[-1])
            mistakes, turns = mistakes + expert.last_was_mistake, turns + 1
            assert info["outcome"].status != "invalid_action"
        assert info["outcome"].solved
        played.add(tuple(actions))
    assert 0.25 < mistakes / turns < 0.55
    assert len(played) > 6


def test_rewards_are_dense_balanced_or_sparse_as_asked() -> None:
    scored = {}
    for level in ("simple-dense", "simple-balanced-brief", "simple-sparse-none"):
        env = make(level)
        env.reset(options={"task": "train/0"})
        scored[level.split("-")[1]] = sum(env.step(a)[4]["rewards"]["score"] > 0 for a in list(env.oracle()))
    assert scored["dense"] > scored["balanced"] > scored["sparse"] == 1


@pytest.mark.parametrize(("level", "length"), [("w2-o3-q4", 4), ("coin_collector-3", 3)])
def test_the_level_names_the_length_of_the_quest(level: str, length: int) -> None:
    env = make(level)
    start(env, "train/0")
    assert len(list(env.oracle())) == length


@pytest.mark.parametrize("level", LEVELS)
def test_it_plays_like_the_original_engine(level: str) -> None:
    """Text, score, end, commands and the way to win, step by step, against TextWorld's own wrappers."""
    wanted = dict.fromkeys(
        ("admissible_commands", "policy_commands", "intermediate_reward", "score", "won", "lost"), True
    )
    path = library.game_file(parse(level), "train", 0)
    story = engine.load(path)
    original = textworld.start(str(path), textworld.EnvInfos(feedback=True, **wanted))
    interpreter = engine.Interpreter()
    junk = ["foo", "take", "go up", "drop all", "score", "open", "again", "help", "wait", "unlock", "eat apple"]
    for episode in range(3):
        rng = random.Random(episode)
        theirs = original.reset()
        _, ours = interpreter.begin(story)
        assert ours.admissible_commands() == theirs.admissible_commands
        for _ in range(40):
            command = rng.choice(ours.admissible_commands() if rng.random() < 0.8 else junk)
            theirs, *_ = original.step(command)
            reply = interpreter.play(ours, command)
            ours = reply.position
            text = engine._STATUS_LINE.sub("", theirs.feedback)
            assert reply.text == engine._tidy(engine._EPILOGUE.sub("", text)), command
            assert (ours.score, reply.won, reply.lost) == (theirs.score, theirs.won, theirs.lost)
            assert ours.admissible_commands() == theirs.admissible_commands
            assert story.inform.gen_commands_from_actions(ours.policy or ()) == theirs.policy_commands
            if reply.won or reply.lost:
                break


@pytest.mark.parametrize("level", ["w2-o3-q4", "coin_collector-3", "cooking-recipe1-take1-drop"])
def test_the_oracle_wins_from_where_a_random_walk_ends(level: str) -> None:
    env = make(level)
    for seed in range(4):
        rng = random.Random(seed)
        _, info = env.reset(options={"task": "train/0"})
        for _ in range(15):
            # Eating and cooking cannot be undone, so that the walk would sometimes leave nothing to win.
            commands = [c for c in info["admissible_commands"] if c.split()[0] not in ("eat", "cook", "prepare")]
            _, _, terminated, _, info = env.step(rng.choice(commands))
            if terminated:
                break
        else:
            trace = play(env, env.oracle())
            assert trace[-1].terminated
            assert trace[-1].reward == 1.0


def test_the_opening_shows_the_task_and_the_room_but_no_banner(env: Episode) -> None:
    text, info = env.reset(options={"task": "train/0"})
    assert "$$" not in text
    assert ">" not in text
    assert "-= " in text
    assert text == text.strip()
    assert info["admissible_commands"] == sorted(set(info["admissible_commands"]))
    assert "look" in info["admissible_commands"]


def test_a_lost_game_is_terminated_without_success() -> None:
    env = make(COOKING)
    env.reset(options={"task": "train/0"})
    walk = list(env.oracle())
    food = next(a for a in walk if a.startswith("take ")).removeprefix("take ").partition(" from ")[0]
    play(env, walk[: next(i for i, a in enumerate(walk) if a.startswith("cook "))])
    for appliance in ("stove", "oven", "BBQ", "stove", "oven"):  # the wrong one spoils it, twice burns it
        _, reward, terminated, _, info = env.step(f"cook {food} with {appliance}")
        if terminated:
            break
    assert info["outcome"] == Outcome.terminated(success=False)
    assert reward == 0.0
    assert info["rewards"]["progress"] == -1.0
    assert info["admissible_commands"] == []


@pytest.mark.parametrize(
    "action", ["foo", "take the unicorn", "take take", "xyzzy plugh", "save", "look\nlook", "", "é"]
)
def test_what_is_no_command_is_an_invalid_action_and_takes_no_time(env: Episode, action: str) -> None:
    commands = env.step("look")[4]["admissible_commands"]
    before = env.core.state
    text, reward, terminated, truncated, info = env.step(action)
    assert info["outcome"].status == "invalid_action"
    assert info["outcome"].reason
    assert text.startswith(info["outcome"].reason)
    assert (reward, terminated, truncated, info["rewards"]) == (0.0, False, False, {})
    assert info["admissible_commands"] == commands
    assert env.core.state.trail == before.trail


@pytest.mark.parametrize("action", ["go up", "look", "inventory", "Look.", "  WAIT \n", "score", "help"])
def test_a_command_that_fails_in_the_world_is_valid(env: Episode, action: str) -> None:
    assert env.step(action)[4]["outcome"] == Outcome.running()


def test_a_question_of_the_parser_can_be_answered() -> None:
    env = make("simple-dense")
    start(env, "train/0")
    asked, *_ = env.step("open")
    assert asked == "What do you want to open?"
    twin = env.fork()  # in the middle of the question
    for asker in (env, twin):
        assert asker.step("chest drawer")[0].startswith("You open the chest drawer")


def test_actions_touch_neither_the_disk_nor_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env = make()
    first = start(env, "train/0")
    orders = ["save", "restore", "script", "transcript on", "quit", "restart", "undo", "verify", "\\wait 5", "me, save"]
    for order in orders:
        for action in (order, f"{order}\ny", f"foo\noops {order}", f"look. {order}", f"look then {order}"):
            assert env.step(action)[4]["outcome"].status == "invalid_action"
    assert os.listdir(tmp_path) == []
    assert env.step("look")[4]["outcome"] == Outcome.running()
    assert not difference([first], [start(env, "train/0")])


def test_forks_and_snapshots_agree_with_a_replay_from_the_start() -> None:
    env, replayed = make(COOKING), make(COOKING)
    start(env, "train/0")
    walk = list(env.oracle())
    for cut in range(0, len(walk), 2):
        start(env, "train/0")
        play(env, walk[:cut])
        twin, point = env.fork(), env.snapshot()
        play(env, ["drop all", "look", *reversed(walk)])
        start(replayed, "train/0")
        play(replayed, walk[:cut])
        expected = play(replayed, walk[cut:])
        assert not difference(expected, play(twin, walk[cut:]))
        env.restore(point)
        assert not difference(expected, play(env, walk[cut:]))


def test_forks_may_be_played_from_different_threads() -> None:
    env = make("simple-dense")
    start(env, "train/0")
    walk = list(env.oracle())
    expected = play(env.fork(), walk)
    forks = [env.fork() for _ in range(4)]
    wrong: list[str] = []
    threads = [
        threading.Thread(target=lambda f=fork: wrong.extend(filter(None, [difference(expected, play(f, walk))])))
        for fork in forks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


FIRST_GAMES = """
import sys, threading
from pathlib import Path
from agentrl.envs.text.textworld.engine import load
together, read = threading.Barrier(8), []
def begin(path):
    together.wait()
    read.append(load(Path(path)))
threads = [threading.Thread(target=begin, args=(path,)) for path in sys.argv[1:] * 4]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sys.exit(len(read) != 8)
"""


def test_the_first_games_of_a_process_may_be_read_by_many_threads() -> None:
    paths = [str(library.game_file(parse("w2-o3-q4"), "train", index)) for index in range(2)]
    done = subprocess.run([sys.executable, "-c", FIRST_GAMES, *paths], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_many_forks_leak_no_memory_and_no_open_files(env: Episode) -> None:
    def round_trip() -> None:
        twin = env.fork()
        twin.step("look")
        point = twin.snapshot()
        twin.step("wait")
        twin.restore(point)
        twin.close()

    def used() -> tuple[int, int, int]:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        libraries = sum("libfrotz" in line for line in Path("/proc/self/maps").read_text().splitlines())
        return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd")), libraries

    for _ in range(20):
        round_trip()
    memory, files, libraries = used()
    for _ in range(100):
        round_trip()
    memory_after, files_after, libraries_after = used()
    assert memory_after - memory < 8e6, "an interpreter has some 2 MB: a leak of one per fork would show"
    assert files_after == files
    assert libraries_after <= libraries


def test_tasks_are_many_and_cheap_to_list() -> None:
    env = make(games=10_000_000)
    assert len(env.tasks()) == 10_000_000
    assert env.tasks()[-1] == "train/9999999"
    assert env.tasks("valid")[:2] == ["valid/0", "valid/1"]
    assert (len(env.tasks("valid")), len(env.tasks("test"))) == (100, 500)
    with pytest.raises(IndexError):
        env.tasks("test")[500]


@pytest.mark.parametrize("task", ["train", "train/", "train/-1", "train/x", "dev/0", "", "train/٣x", "train/99999999"])
def test_unknown_tasks_are_named(env: Episode, task: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown task"):
        env.reset(options={"task": task})


def test_wrong_arguments_are_refused_at_once() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'train'"):
        make(split="trian")
    with pytest.raises(ConfigError, match="games must be between"):
        make(games=0)
    with pytest.raises(UnknownNameError, match="TextWorld level"):
        make("simpel-dense")


def test_a_position_without_a_way_to_win_says_so(env: Episode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentrl.envs.text.textworld.oracle._candidates", lambda position: iter([["wait"]]))
    with pytest.raises(NoSolutionError, match="no way to win is known from here"):
        solution(env.core.state)
