"""`Countdown-v0`: make a number of given numbers."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from agentrl.envs.base import Demonstrator, Result, TextEnv
from agentrl.envs.text.countdown.board import Board
from agentrl.envs.text.countdown.experts import Mover, Thinker, answer, move
from agentrl.envs.text.countdown.expressions import Expression, IllegalError, evaluate, text
from agentrl.envs.text.countdown.puzzles import BOUNDS, COUNTS, SIZES, Puzzle, Rules, puzzle_of, task_ids
from agentrl.envs.text.countdown.solver import Reach
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome

_TURNS = ("one", "many")
_MOVES = "combine NUMBER SYMBOL NUMBER, or undo"
_SOLVED, _UNSOLVED = Outcome.terminated(success=True), Outcome.terminated(success=False)


@dataclass(frozen=True, slots=True)
class Game:
    """State of an episode; never changed, only replaced."""

    puzzle: Puzzle
    board: Board


class CountdownEnv(TextEnv):
    """Make a target of given numbers with + - * /, as in the television game and in TinyZero.

    Every puzzle can be solved. Numbers are whole at every step: a division must leave no remainder.

    Args:
        split: `train`, `valid` or `test`; no two have the same numbers with the same target.
        count: how many numbers are given, 3 to 6, or several of these, in turn.
        largest: given numbers are 1 to this, 20 to 1,000.
        largest_target: targets are 10 to this, 50 to 1,000.
        use_all: each number is to be used exactly once (as in TinyZero), instead of at most once.
        turns: `one` takes one action, which ends with `answer EXPRESSION`; what stands before the last `answer` is
            not looked at. Intermediate results may be negative. Whatever is no legal expression ends the episode
            unsolved. `many` takes `combine 3 * 7`, which replaces two of the numbers that are left by the result (0
            or more), and `undo`; it ends with the target, or with one number left. Anything else is an invalid action.
        think: whether experts write down the steps of a solution before the answer. For `turns="one"`.
        render_mode: `ansi` or None.

    Reward channels: `outcome` is 1 for the target; `format` is -1 for an illegal expression or an invalid action; in
    many turns, `progress` is the change of a potential, the share of the operations needed at first that are needed no
    more (at least 0), or -1 where the target is out of reach. Over a solved episode it sums to 1.

    Kinds of tasks are the count of numbers and the fewest operations that make the target: `4n-2op`.

    Raises:
        ConfigError: arguments do not fit together.
    """

    family = "text"
    splits: tuple[str, ...] = tuple(SIZES)
    channels: tuple[str, ...] = ("outcome", "format", "progress")

    def __init__(
        self,
        *,
        split: str | None = None,
        count: int | Sequence[int] = 4,
        largest: int = 100,
        largest_target: int = 100,
        use_all: bool = False,
        turns: Literal["one", "many"] = "one",
        think: bool = True,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(split=split, render_mode=render_mode)
        if turns not in _TURNS:
            raise UnknownNameError("value of turns", turns, _TURNS)
        if turns == "many" and not think:
            raise ConfigError("think is for turns='one': leave it out")
        self._counts = tuple(sorted({count} if isinstance(count, int) else {*count}))
        if not self._counts or not {*self._counts} <= {*COUNTS}:
            raise ConfigError(f"count={count!r}: name one or some of {', '.join(map(str, COUNTS))}")
        for name, bound in (("largest", largest), ("largest_target", largest_target)):
            low, high = BOUNDS[name]
            if not isinstance(bound, int) or not low <= bound <= high:
                raise ConfigError(f"{name}={bound!r} must be a whole number between {low} and {high}")
        self._rules = Rules(largest, largest_target, use_all)
        self._turns, self._think = turns, think

    def tasks(self, split: str | None = None) -> Sequence[str]:
        if (split := split or self.split) not in self.splits:
            raise UnknownNameError("split", split, self.splits)
        return task_ids(split, self._counts)

    def kind(self, task_id: str) -> str:
        puzzle = puzzle_of(self._rules, task_id)
        return f"{len(puzzle.numbers)}n-{puzzle.operations}op"

    def reference(self, task_id: str) -> Mapping[str, Any]:
        """`target`, `answer` (one solution, as an expression), and in one turn `answer_form`."""
        puzzle = puzzle_of(self._rules, task_id)
        known = {"target": puzzle.target, "answer": text(_solution(puzzle, self._rules.use_all))}
        return known | ({"answer_form": "answer {answer}"} if self._turns == "one" else {})

    def begin(self, task_id: str) -> Result:
        puzzle = puzzle_of(self._rules, task_id)
        self.state = Game(puzzle, Board(puzzle.numbers))
        once = "exactly" if self._rules.use_all else "at most"
        reply = f"Reply: {_MOVES}." if self._turns == "many" else "End with: answer EXPRESSION"
        observation = (
            f"Numbers: {_words(puzzle.numbers)}\nTarget: {puzzle.target}\n"
            f"Make the target with + - * / and each number {once} once. {reply}"
        )
        return Result(observation, admissible_commands=self._moves())

    def act(self, action: str) -> Result:
        return self._answer(action) if self._turns == "one" else self._move(action)

    def _answer(self, action: str) -> Result:
        target = self.state.puzzle.target
        try:
            made = self._value(action)
        except IllegalError as error:
            return Result(f"Wrong: {error}.", {"format": -1.0}, _UNSOLVED)
        if made != target:
            return Result(f"Wrong: that is {made}, not {target}.", outcome=_UNSOLVED)
        return Result("Correct.", {"outcome": 1.0}, _SOLVED)

    def _value(self, action: str) -> int:
        """What the answer in an action comes to.

        Raises:
            IllegalError: there is none, or it breaks a rule.
        """
        _, found, expression = action.rpartition("answer")
        if not found:
            raise IllegalError("there is no answer")
        made, used = evaluate(expression)
        given = Counter(self.state.puzzle.numbers)
        if surplus := Counter(used) - given:
            raise IllegalError(f"{min(surplus)} is not given, or not so often")
        if self._rules.use_all and (missing := given - Counter(used)):
            raise IllegalError(f"{min(missing)} is not used")
        return made

    def _move(self, action: str) -> Result:
        board = self.state.board
        try:
            after = board.play(action)
        except IllegalError as error:
            told = f"Not possible: {error}. Reply: {_MOVES}.\nLeft: {_words(board.numbers)}"
            return Result(told, {"format": -1.0}, Outcome.invalid_action(str(error)), self._moves())
        rewards = {"progress": self._potential(after) - self._potential(board)}
        self.state = replace(self.state, board=after)
        if self._solved(after):
            return Result("Correct.", {"outcome": 1.0, **rewards}, _SOLVED)
        outcome = _UNSOLVED if len(after.numbers) == 1 else Outcome.running()
        return Result(f"Left: {_words(after.numbers)}", rewards, outcome, self._moves())

    def _moves(self) -> list[str] | None:
        return self.state.board.moves() if self._turns == "many" else None

    def _solved(self, board: Board) -> bool:
        target = self.state.puzzle.target
        return target in board.numbers and (len(board.numbers) == 1 or not self._rules.use_all)

    def _potential(self, board: Board) -> float:
        puzzle = self.state.puzzle
        needed = _needed(tuple(sorted(board.numbers)), puzzle.target, self._rules.use_all)
        return -1.0 if needed is None else max(0.0, 1 - needed / puzzle.operations)

    def oracle(self) -> Iterator[str]:
        if self.state is None:
            return
        puzzle, board, rng, use_all = self.state.puzzle, self.state.board, random.Random(0), self._rules.use_all
        if self._turns == "one":
            yield answer(_solution(puzzle, use_all), think=self._think)
            return
        while not self._solved(board):
            action = move(board.numbers, puzzle.target, rng, use_all=use_all)
            board = board.play(action)
            yield action

    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> Demonstrator:
        """An expert that reads numbers and target in the observations; the seed draws one of the shortest solutions.

        In one turn, mistakes are attempts before the one that succeeds; see `Thinker`.
        """
        use_all = self._rules.use_all
        if self._turns == "many":
            return Mover(use_all=use_all, mistakes=mistakes, seed=seed)
        return Thinker(use_all=use_all, think=self._think, mistakes=mistakes, seed=seed)

    def copy_state(self, state: Game | None) -> Game | None:
        return state


def _words(numbers: Sequence[int]) -> str:
    return " ".join(map(str, numbers))


def _solution(puzzle: Puzzle, use_all: bool) -> Expression:
    solution = Reach(puzzle.numbers).solution(puzzle.target, random.Random(0), use_all=use_all)
    assert solution is not None, "a puzzle is drawn from what is in reach"
    return solution


@lru_cache(maxsize=1 << 14)
def _needed(numbers: tuple[int, ...], target: int, use_all: bool) -> int | None:
    """The fewest operations that make the target; None where nothing does."""
    return Reach(numbers).fewest(use_all=use_all).get(target)
