"""Experts that play from the text alone: what they do, a model that reads the same text can learn."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from agentrl.envs.text.countdown.expressions import Expression, Operation, operations, steps, text, value
from agentrl.envs.text.countdown.solver import Reach
from agentrl.errors import ConfigError

_NUMBERS = re.compile(r"^(?:Numbers|Left): ([\d ]+)$", re.ASCII | re.MULTILINE)
_TARGET = re.compile(r"^Target: (\d+)$", re.ASCII | re.MULTILINE)
_FAR = 5
"""Times the target: beyond, attempts that come to nothing are not worth imitating."""


def answer(solution: Expression, *, think: bool, dead_ends: Sequence[Sequence[Operation]] = ()) -> str:
    """The action that gives a solution; to `think` is to write its steps first, and before these, dead ends.

    try 9 + 7 = 16 , 16 * 2 = 32 try 9 - 7 = 2 , 2 * 2 = 4 answer ( 9 - 7 ) * 2
    """
    attempts = [*dead_ends, [*steps(solution)]] if think else []
    lines = [" , ".join(f"{step} = {step.value}" for step in attempt) for attempt in attempts]
    return " ".join([*(f"try {line}" for line in lines), f"answer {text(solution)}"])


class Thinker:
    """Answers in one turn.

    Args:
        mistakes: chance of a dead end before the solution, of another one before that, and so on.
        seed: of the dead ends, and of the choice among the solutions with the fewest operations.

    Raises:
        ConfigError: it is asked for mistakes, but not to think.
    """

    last_was_mistake = False  # a dead end is part of an action that succeeds: how to search is to be learned, too

    def __init__(self, *, use_all: bool, think: bool, mistakes: float = 0.0, seed: int = 0) -> None:
        if mistakes and not think:
            raise ConfigError("with think=False there is no place for mistakes: set them to 0")
        self._use_all, self._think, self._mistakes = use_all, think, mistakes
        self._random = random.Random(seed)

    def act(self, observation: str) -> str:
        """The answer to the first observation."""
        numbers, target = _read(_NUMBERS, observation), _read(_TARGET, observation)[0]
        solution = Reach(numbers).solution(target, self._random, use_all=self._use_all)
        assert solution is not None, "every puzzle has one"
        dead_ends = []
        while self._random.random() < self._mistakes:
            dead_ends.append(self._dead_end(numbers, target, sum(1 for _ in steps(solution))))
        return answer(solution, think=self._think, dead_ends=[found for found in dead_ends if found])

    def _dead_end(self, numbers: Sequence[int], target: int, length: int) -> list[Operation]:
        """Steps at random, as many as a solution takes; none where they come to an end or make the target."""
        left, made = list(numbers), list[Operation]()
        for _ in range(length):
            near = [step for step in operations(left) if 0 < step.value <= _FAR * target]
            if not near:
                return []
            made.append(step := self._random.choice(near))
            left.remove(value(step.left))
            left.remove(value(step.right))
            left.append(step.value)
        return [] if made[-1].value == target else made


class Mover:
    """Plays in many turns.

    Args:
        mistakes: chance, each turn, of a move that helps nothing or cannot be made; none ends the game.
        seed: of the mistakes, and of the choice among the solutions with the fewest operations.
    """

    def __init__(self, *, use_all: bool, mistakes: float = 0.0, seed: int = 0) -> None:
        self.last_was_mistake = False
        self._use_all, self._mistakes = use_all, mistakes
        self._random = random.Random(seed)
        self._target = 0

    def act(self, observation: str) -> str:
        """The next move, given what the last one brought (first: the observation of `reset`)."""
        numbers = _read(_NUMBERS, observation)
        self._target = self._target or _read(_TARGET, observation)[0]
        planned = move(numbers, self._target, self._random, use_all=self._use_all)
        self.last_was_mistake = self._random.random() < self._mistakes
        return self._mistake(numbers, planned) if self.last_was_mistake else planned

    def _mistake(self, numbers: Sequence[int], planned: str) -> str:
        useless = [f"combine {step}" for step in operations(numbers) if step.value != self._target]
        malformed = [planned.rpartition(" ")[0], planned.removeprefix("combine "), f"combine {max(numbers) + 1} + 1"]
        options = [*(useless if len(numbers) > 2 else []), *malformed]
        return self._random.choice([action for action in options if action not in ("", planned)])


def move(numbers: Sequence[int], target: int, rng: random.Random, *, use_all: bool) -> str:
    """The first move of a shortest way to the target, drawn at random; `undo` where there is no way."""
    solution = Reach(numbers).solution(target, rng, use_all=use_all)
    return "undo" if solution is None else f"combine {next(steps(solution))}"


def _read(pattern: re.Pattern[str], observation: str) -> list[int]:
    match = pattern.search(observation)
    assert match is not None, "observations have what an expert looks for"
    return [int(number) for number in match[1].split()]
