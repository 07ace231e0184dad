"""Puzzles: drawn from the seed alone, by the rules, solvable, and each in one split."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.text.countdown.puzzles import (
    BOUNDS,
    COUNTS,
    LOWEST_TARGET,
    SIZES,
    Puzzle,
    Rules,
    puzzle_of,
    split_of,
    task_ids,
)
from agentrl.envs.text.countdown.solver import Reach
from agentrl.errors import ConfigError, UnknownNameError

RULES = (Rules(), Rules(20, 50, use_all=True), Rules(100, 1000), Rules(100, 999, use_all=True))


def content(puzzle: Puzzle) -> tuple[int, ...]:
    return (*sorted(puzzle.numbers), puzzle.target)


@pytest.mark.parametrize("rules", RULES, ids=str)
@pytest.mark.parametrize("split", SIZES)
def test_puzzles_keep_the_rules_and_can_be_solved(rules: Rules, split: str) -> None:
    for task_id in task_ids(split, (3, 4, 5))[:90]:
        puzzle = puzzle_of(rules, task_id)
        assert f"/{len(puzzle.numbers)}n/" in task_id
        assert all(1 <= number <= rules.largest for number in puzzle.numbers)
        assert LOWEST_TARGET <= puzzle.target <= rules.largest_target
        assert Reach(puzzle.numbers).fewest(use_all=rules.use_all)[puzzle.target] == puzzle.operations >= 1
        assert split_of(puzzle.numbers, puzzle.target) == split


@pytest.mark.parametrize("use_all", [False, True])
@pytest.mark.parametrize("count", COUNTS[:2])
def test_the_smallest_rules_have_enough_held_out_puzzles(count: int, use_all: bool) -> None:
    (low, high), (low_target, high_target) = BOUNDS["largest"], BOUNDS["largest_target"]
    for rules in (Rules(low, low_target, use_all), Rules(low, high_target, use_all), Rules(high, low_target, use_all)):
        for split in ("valid", "test"):
            found = {content(puzzle_of(rules, f"{split}/{count}n/{i}")) for i in range(SIZES[split])}
            assert len(found) == SIZES[split], "no two are the same"


def test_splits_share_no_puzzle_whatever_the_rules() -> None:
    found = {
        split: {content(puzzle_of(rules, task)) for rules in RULES for task in task_ids(split, (3, 4))[:400]}
        for split in SIZES
    }
    assert not found["train"] & (found["valid"] | found["test"])
    assert not found["valid"] & found["test"]


@given(st.lists(st.integers(1, 1000), min_size=3, max_size=6), st.integers(10, 1000), st.randoms())
def test_the_order_of_numbers_does_not_change_the_split(numbers: list[int], target: int, rng: random.Random) -> None:
    assert split_of(rng.sample(numbers, len(numbers)), target) == split_of(numbers, target)


def test_one_in_ten_puzzles_is_for_testing_and_one_for_validation() -> None:
    splits = [split_of((a, b, 7), target) for a in range(30) for b in range(a, 30) for target in range(10, 40)]
    for split, share in (("train", 0.8), ("valid", 0.1), ("test", 0.1)):
        assert splits.count(split) / len(splits) == pytest.approx(share, abs=0.01)


def test_puzzles_are_the_same_everywhere_and_in_any_order() -> None:
    tasks = [f"{split}/{count}n/{i}" for split in SIZES for count in (3, 4) for i in (7, 0, 3)]
    here = [puzzle_of(RULES[0], task) for task in tasks]
    code = (
        "from agentrl.envs.text.countdown.puzzles import *\n"
        f"print([puzzle_of(Rules(), task) for task in {tasks[::-1]!r}])"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert there.strip() == str(here[::-1])


def test_ids_take_the_counts_in_turn() -> None:
    assert [*task_ids("test", (3, 5))[:5]] == ["test/3n/0", "test/5n/0", "test/3n/1", "test/5n/1", "test/3n/2"]
    assert len(task_ids("test", (3, 5))) == 2 * SIZES["test"]


@pytest.mark.parametrize(
    "task",
    ["", "test/3n/400", "valid/3n/200", "dev/3n/0", "test/2n/0", "test/7n/0", "test/3n/00", "test/3n/-1", "test/3n/٣"],
)
def test_there_is_no_other_task(task: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown task"):
        puzzle_of(Rules(), task)


def test_rules_that_hold_no_puzzle_or_too_few_are_told() -> None:
    with pytest.raises(ConfigError, match="numbers up to 1 hardly make targets up to 20"):
        puzzle_of(Rules(1, 20), "test/3n/0")
    with pytest.raises(ConfigError, match=r"these rules hold only \d+ puzzles of this split"):
        puzzle_of(Rules(6, 30), "test/3n/399")
