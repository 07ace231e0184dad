"""The solver against trying everything."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentrl.envs.text.countdown.expressions import evaluate, steps, text, value
from agentrl.envs.text.countdown.solver import Reach

NUMBERS = st.lists(st.integers(0, 25), min_size=1, max_size=4)


def everything(numbers: list[int]) -> set[int]:
    """All that an expression with each of these numbers once can come to, negative values on the way included."""
    if len(numbers) == 1:
        return {*numbers}
    found: set[int] = set()
    for i, j in permutations(range(len(numbers)), 2):
        a, b = numbers[i], numbers[j]
        rest = [number for k, number in enumerate(numbers) if k not in (i, j)]
        for made in {a + b, a - b, a * b} | ({a // b} if b and a % b == 0 else set()):
            found |= everything([*rest, made])
    return found


def fewest(numbers: list[int]) -> dict[int, int]:
    """By trying every subset, the small ones first."""
    found: dict[int, int] = {}
    for size in range(1, len(numbers) + 1):
        for chosen in combinations(numbers, size):
            for made in everything([*chosen]):
                found.setdefault(made, size - 1)
    return {made: count for made, count in found.items() if made >= 0}


@settings(max_examples=40)
@given(NUMBERS)
def test_what_is_in_reach_and_by_how_few_operations(numbers: list[int]) -> None:
    reach = Reach(numbers)
    assert reach.fewest() == fewest(numbers)
    assert reach.fewest(use_all=True) == {made: len(numbers) - 1 for made in everything(numbers) if made >= 0}


@given(st.lists(st.integers(0, 60), min_size=1, max_size=5), st.data(), st.booleans())
def test_solutions_are_right_and_shortest(numbers: list[int], data: st.DataObject, use_all: bool) -> None:
    reach = Reach(numbers)
    shortest = reach.fewest(use_all=use_all)
    target = data.draw(st.sampled_from(sorted(shortest)))
    solution = reach.solution(target, random.Random(data.draw(st.integers(0, 9))), use_all=use_all)
    assert solution is not None
    made, used = evaluate(text(solution))
    assert made == value(solution) == target
    assert not Counter(used) - Counter(numbers)
    assert len(used) - 1 == shortest[target] == len([*steps(solution)])
    assert all(value(step.left) >= value(step.right) >= 0 for step in steps(solution))
    assert not use_all or len(used) == len(numbers)


def test_what_is_out_of_reach_has_no_solution() -> None:
    for target in (5, -1, 10**9):
        assert Reach([2, 4]).solution(target, random.Random(0)) is None
    assert Reach([2, 4]).solution(4, random.Random(0), use_all=True) is None
    assert Reach([2, 4]).solution(4, random.Random(0)) == 4


@pytest.mark.parametrize(
    ("numbers", "target", "expected"),
    [
        ([2, 3, 6], 12, {"6 * 2"}),
        ([3, 8, 5, 16], 24, {"8 * 3", "16 + 8"}),
        ([2, 3, 4], 24, {"4 * 3 * 2", "4 * 2 * 3", "3 * 2 * 4"}),
        ([5, 5, 2], 20, {"( 5 + 5 ) * 2"}),
        ([20, 6, 2], 28, {"20 + 6 + 2", "20 + 2 + 6", "( 20 - 6 ) * 2"}),
        ([40, 7, 3], 10, {"7 + 3"}),  # and not 40 / ( 7 - 3 ), of two operations
    ],
)
def test_the_seed_draws_among_all_shortest_solutions(numbers: list[int], target: int, expected: set[str]) -> None:
    found = {text(solution) for i in range(60) if (solution := Reach(numbers).solution(target, random.Random(i)))}
    assert found == expected
