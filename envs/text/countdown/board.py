"""The game in many turns: numbers on a board, of which a move takes two and puts back what comes of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentrl.envs.text.countdown.expressions import IllegalError, apply, operations, plain

_MOVE = re.compile(r"combine\s+(\d{1,20})\s*([-+*/])\s*(\d{1,20})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Board:
    """The numbers that are left, and the board before the last move."""

    numbers: tuple[int, ...]
    before: Board | None = None

    def play(self, action: str) -> Board:
        """The board after `combine A SYMBOL B`, with what comes of it in the last place, or after `undo`.

        Raises:
            IllegalError: it is no such action, A or B is not left, or the result is negative or no whole number.
        """
        action = plain(action.strip())
        if action == "undo":
            if self.before is None:
                raise IllegalError("there is nothing to undo")
            return self.before
        if not (match := _MOVE.fullmatch(action)):
            raise IllegalError("that is no move")
        left, symbol, right = int(match[1]), match[2], int(match[3])
        rest = list(self.numbers)
        for number in (left, right):
            if number not in rest:
                raise IllegalError(f"there is no {number} left")
            rest.remove(number)
        if (made := apply(left, symbol, right)) < 0:
            raise IllegalError(f"{left} - {right} is below 0")
        return Board((*rest, made), self)

    def moves(self) -> list[str]:
        """All moves that differ in more than the order of operands."""
        found = [f"combine {operation}" for operation in operations(self.numbers)]
        return [*found, "undo"] if self.before else found
