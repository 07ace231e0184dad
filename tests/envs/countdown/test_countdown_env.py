"""`Countdown-v0` as it is played, in one turn and in many, by experts and by others."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Sequence
from statistics import mean
from typing import Any

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs import Episode
from agentrl.envs.check import check
from agentrl.envs.text.countdown.board import Board
from agentrl.envs.text.countdown.expressions import evaluate
from agentrl.envs.text.countdown.puzzles import Puzzle
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome

SOLVED, UNSOLVED = Outcome.terminated(success=True), Outcome.terminated(success=False)
NONE = "Wrong: that is no expression of whole numbers, + - * / and brackets."
Answer = tuple[str, dict[str, float], Outcome]


def make(**kwargs: Any) -> Episode:
    env = gym.make("Countdown-v0", **kwargs)
    assert isinstance(env, Episode)
    return env


def play(env: Episode, actions: Sequence[str]) -> list[Answer]:
    return [(text, info["rewards"], info["outcome"]) for text, *_, info in map(env.step, actions)]


@pytest.fixture
def given_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every puzzle is to make 27 of 3, 7, 2 and 6."""
    puzzle = Puzzle((3, 7, 2, 6), 27, 2)
    monkeypatch.setattr("agentrl.envs.text.countdown.env.puzzle_of", lambda rules, task_id: puzzle)


def begin(**kwargs: Any) -> Episode:
    env = make(**kwargs)
    env.reset(options={"task": "train/4n/0"})
    return env


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"turns": "many"}, {"use_all": True, "count": [3, 5], "turns": "many"}, {"think": False, "largest": 20}],
    ids=str,
)
def test_the_contract_holds(kwargs: dict[str, Any]) -> None:
    report = check("Countdown-v0", **kwargs)
    assert report.passed, str(report)


@pytest.mark.usefixtures("given_numbers")
class TestOneTurn:
    @pytest.mark.parametrize(
        "action",
        [
            "answer 3 * 7 + 6",
            "answer 3 * ( 7 + 2 )",
            "answer 6+3×7",
            "try 3 * 7 = 21 , 21 + 6 = 27 answer 3 * 7 + 6",
            "answer 1 + 1, no: answer  7 * 3 + 6 \n",
            "answer 7 answer 7 * 3 answer 7 * 3 + 6",
        ],
    )
    def test_a_right_answer(self, action: str) -> None:
        assert play(begin(), [action]) == [("Correct.", {"outcome": 1.0}, SOLVED)]

    @pytest.mark.parametrize(
        ("action", "text", "rewards"),
        [
            ("answer 7 * 6 - 3 * 2", "Wrong: that is 36, not 27.", {}),
            ("answer 27", "Wrong: 27 is not given, or not so often.", {"format": -1.0}),
            ("answer 3 * 3 * 3", "Wrong: 3 is not given, or not so often.", {"format": -1.0}),
            ("answer 7 / 2", "Wrong: 7 / 2 is no whole number.", {"format": -1.0}),
            ("3 * 7 + 6", "Wrong: there is no answer.", {"format": -1.0}),
            ("", "Wrong: there is no answer.", {"format": -1.0}),
            ("answer 3 * 7 + 6 = 27", NONE, {"format": -1.0}),
            ("answer 3 * 7 + 6 answer", NONE, {"format": -1.0}),
            ("answer __import__('os')", NONE, {"format": -1.0}),
        ],
    )
    def test_a_wrong_answer_ends_the_episode(self, action: str, text: str, rewards: dict[str, float]) -> None:
        assert play(begin(), [action]) == [(text, rewards, UNSOLVED)]

    def test_all_numbers_are_used_where_that_is_the_rule(self) -> None:
        assert play(begin(use_all=True), ["answer 3 * 7 + 6"]) == [
            ("Wrong: 2 is not used.", {"format": -1.0}, UNSOLVED)
        ]
        assert play(begin(use_all=True), ["answer 6 * 7 / 2 + 3 + 3"])[0][2] == UNSOLVED
        assert play(begin(use_all=True), ["answer 6 * 3 + 7 + 2"])[0][2] == SOLVED

    def test_what_is_asked(self) -> None:
        text, info = make().reset(options={"task": "train/4n/0"})
        assert text == (
            "Numbers: 3 7 2 6\nTarget: 27\n"
            "Make the target with + - * / and each number at most once. End with: answer EXPRESSION"
        )
        assert info == {"task_id": "train/4n/0", "outcome": Outcome.running(), "rewards": {}}
        assert "each number exactly once" in make(use_all=True).reset(options={"task": "train/4n/0"})[0]


@pytest.mark.usefixtures("given_numbers")
class TestManyTurns:
    def test_an_episode(self) -> None:
        env = make(turns="many")
        text, info = env.reset(options={"task": "train/4n/0"})
        assert text.endswith("Reply: combine NUMBER SYMBOL NUMBER, or undo.")
        assert "combine 7 * 3" in info["admissible_commands"]
        assert "undo" not in info["admissible_commands"]
        running = Outcome.running()
        assert play(env, ["combine 7 - 6", "undo", " combine 3×7\n", "combine 6 + 21"]) == [
            ("Left: 3 2 1", {"progress": -1.0}, running),  # 27 is out of reach
            ("Left: 3 7 2 6", {"progress": 1.0}, running),
            ("Left: 2 6 21", {"progress": 0.5}, running),
            ("Correct.", {"outcome": 1.0, "progress": 0.5}, SOLVED),
        ]

    def test_it_ends_when_one_number_is_left(self) -> None:
        answers = play(begin(turns="many"), ["combine 7 - 6", "combine 3 - 1", "combine 2 / 2"])
        assert answers[-1] == ("Left: 1", {"progress": 0.0}, UNSOLVED)

    def test_with_use_all_the_target_must_be_what_is_left(self) -> None:
        env = begin(turns="many", use_all=True)
        one = play(env, ["combine 3 * 7", "combine 21 + 6"])
        assert one[-1][2] == Outcome.running()
        assert (
            play(begin(turns="many", use_all=True), ["combine 6 * 3", "combine 18 + 7", "combine 25 + 2"])[-1][2]
            == SOLVED
        )

    @pytest.mark.parametrize(
        ("action", "reason"),
        [
            ("combine 3 * 8", "there is no 8 left"),
            ("combine 3 * 3", "there is no 3 left"),
            ("combine 3 - 7", "3 - 7 is below 0"),
            ("combine 7 / 2", "7 / 2 is no whole number"),
            ("combine 3 *", "that is no move"),
            ("combine 3 ** 7", "that is no move"),
            ("answer 3 * 7 + 6", "that is no move"),
            ("undo", "there is nothing to undo"),
            ("", "that is no move"),
        ],
    )
    def test_an_invalid_action_changes_nothing(self, action: str, reason: str) -> None:
        env = begin(turns="many")
        told = f"Not possible: {reason}. Reply: combine NUMBER SYMBOL NUMBER, or undo.\nLeft: 3 7 2 6"
        assert play(env, [action]) == [(told, {"format": -1.0}, Outcome.invalid_action(reason))]
        assert play(env, ["combine 3 * 7", "combine 21 + 6"])[-1][2] == SOLVED


@given(st.lists(st.integers(0, 50), min_size=2, max_size=4), st.data())
def test_moves_use_each_number_once_and_can_be_undone(numbers: list[int], data: st.DataObject) -> None:
    board = Board(tuple(numbers))
    while len(board.numbers) > 1:
        action = data.draw(st.sampled_from([move for move in board.moves() if move != "undo"]))
        left, symbol, right = action.removeprefix("combine ").split()
        after = board.play(action)
        made, used = evaluate(f"{left} {symbol} {right}")
        assert sorted([*after.numbers[:-1], *used]) == sorted(board.numbers)
        assert after.numbers[-1] == made >= 0
        assert after.play("undo") == board
        board = after
    assert board.moves() == ["undo"]


@pytest.mark.parametrize("use_all", [False, True])
def test_the_oracle_goes_on_from_anywhere(use_all: bool) -> None:
    env, rng = make(turns="many", count=(3, 4), use_all=use_all, max_episode_steps=50), random.Random(0)
    for task in env.tasks("train")[:60]:
        _, info = env.reset(options={"task": task})
        for _ in range(rng.randrange(6)):
            twin = env.fork()
            *_, terminated, _, info = env.step(rng.choice(info["admissible_commands"]))
            if terminated:
                env = twin
                break
        assert play(env, [*env.oracle()])[-1][2] == SOLVED


@pytest.mark.parametrize("kwargs", [{}, {"use_all": True}], ids=str)
def test_progress_sums_to_1_however_it_was_solved(kwargs: dict[str, Any]) -> None:
    env = make(turns="many", max_episode_steps=100, **kwargs)
    for number, task in enumerate(env.tasks("valid")[:60]):
        answers = demonstrate(env, task, seed=number, mistakes=0.4)[0]
        assert sum(rewards.get("progress", 0) for _, rewards, _ in answers) == pytest.approx(1)


def demonstrate(
    env: Episode, task: str, *, seed: int = 0, mistakes: float = 0.0
) -> tuple[list[Answer], list[bool], str]:
    """What an expert's actions brought, which of them were mistakes, and the last action."""
    text, _ = env.reset(options={"task": task})
    expert = env.demonstrator(seed=seed, mistakes=mistakes)
    answers: list[Answer] = []
    erred: list[bool] = []
    while not answers or not answers[-1][2].done:
        action = expert.act(text)
        answers += play(env, [action])
        erred.append(expert.last_was_mistake)
        text = answers[-1][0]
    return answers, erred, action


def test_experts_in_many_turns_recover_from_mistakes() -> None:
    env = make(turns="many", count=(3, 4, 5))
    episodes = [demonstrate(env, task, seed=i, mistakes=0.25) for i, task in enumerate(env.tasks("test")[:200])]
    assert mean(answers[-1][2].solved for answers, *_ in episodes) >= 0.98  # a step limit, and luck
    assert 0.2 < mean(mistake for _, erred, _ in episodes for mistake in erred) < 0.3
    clean = [demonstrate(env, task) for task in env.tasks("test")[:100]]
    assert all(answers[-1][2].solved and not any(erred) and len(answers) <= 4 for answers, erred, _ in clean)


def test_dead_ends_of_thinking_experts_are_true_and_come_to_nothing() -> None:
    env, dead_ends = make(count=(3, 4), largest=20, use_all=True), []
    for number, task in enumerate(env.tasks("train")[:300]):
        target = env.reference(task)["target"]
        answers, (erred,), action = demonstrate(env, task, seed=number, mistakes=0.4)
        assert answers[-1][2] == SOLVED
        assert not erred
        thoughts, _, answer = action.rpartition(" answer ")
        first, *attempts = thoughts.split("try ")
        assert first == ""
        ends = []
        for attempt in attempts:
            for step in attempt.strip().split(" , "):
                expression, _, made = step.partition(" = ")
                assert evaluate(expression)[0] == int(made)
            ends.append(int(made))
        assert [end == target for end in ends] == [False] * (len(ends) - 1) + [True]
        assert evaluate(answer)[0] == target
        dead_ends.append(len(ends) - 1)
    assert mean(dead_ends) == pytest.approx(0.4 / 0.6, abs=0.15)


def test_the_seed_draws_one_of_several_solutions() -> None:
    env = make(think=False)
    tasks = env.tasks("train")[:60]
    drawn = [[demonstrate(env, task, seed=seed)[2] for seed in range(8)] for task in tasks]
    assert drawn == [[demonstrate(env, task, seed=seed)[2] for seed in range(8)] for task in tasks]
    assert mean(len({*actions}) > 1 for actions in drawn) > 0.3
    assert all(re.fullmatch(r"answer [-0-9+*/() ]+", action) for actions in drawn for action in actions)


@pytest.mark.parametrize("turns", ["one", "many"])
def test_references_solve_the_task_and_are_never_shown(turns: str) -> None:
    env, judge = make(turns=turns), make()
    for task in env.tasks("test")[:100]:
        known = env.reference(task)
        assert known.keys() == {"target", "answer", *(["answer_form"] if turns == "one" else [])}
        text, info = env.reset(options={"task": task})
        assert known["answer"] not in text
        assert info.keys() <= {"task_id", "outcome", "rewards", "admissible_commands"}
        judge.reset(options={"task": task})
        assert play(judge, [f"answer {known['answer']}"])[0][2] == SOLVED
        assert evaluate(known["answer"])[0] == known["target"]


def test_kinds_tell_how_hard_it_is() -> None:
    env = make(count=(3, 4))
    kinds = {env.kind(task) for task in env.tasks("train")[:200]}
    assert kinds == {"3n-1op", "3n-2op", "4n-1op", "4n-2op", "4n-3op"}
    assert {make(count=5, use_all=True).kind(task) for task in make(count=5).tasks()[:20]} == {"5n-4op"}


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"count": 2}, "count=2: name one or some of 3, 4, 5, 6"),
        ({"count": []}, "count="),
        ({"count": [3, 7]}, "count="),
        ({"largest": 19}, "largest=19 must be a whole number between 20 and 1000"),
        ({"largest": 20.5}, "largest=20.5 must be a whole number"),
        ({"largest_target": 1001}, "largest_target=1001 must be a whole number between 50 and 1000"),
        ({"turns": "many", "think": False}, "think is for turns='one'"),
    ],
)
def test_arguments_that_cannot_be(kwargs: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        make(**kwargs)


def test_names_that_are_not_known() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'many'"):
        make(turns="man")
    with pytest.raises(UnknownNameError, match="unknown split 'dev'"):
        make(split="dev")
    env = make(think=False)
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="set them to 0"):
        env.demonstrator(mistakes=0.1)


def test_episodes_are_quick() -> None:
    """With time to spare: an idle core does 20,000 steps or more in either mode."""
    for kwargs in ({}, {"turns": "many"}):
        env = make(**kwargs)
        tasks = env.tasks("train")[:1000]
        begun = time.process_time()
        for task in tasks:
            env.reset(options={"task": task})
        assert len(tasks) / (time.process_time() - begun) > 1000
        scripts = []
        for task in tasks:
            env.reset(options={"task": task})
            scripts.append([*env.oracle()])
        steps, spent = 0, 0.0
        for task, actions in zip(tasks, scripts, strict=True):
            env.reset(options={"task": task})
            begun = time.process_time()
            steps += len(play(env, actions))
            spent += time.process_time() - begun
        assert steps / spent > 5000
