"""A player to be imitated, who errs on purpose."""

from __future__ import annotations

import random
from collections.abc import Callable

from agentrl.envs.text.textworld.engine import Interpreter, Position
from agentrl.envs.text.textworld.oracle import solution


class Player:
    """Plays the game that `position` tells the state of, by its shortest known way to win.

    It knows more than the text says; what a quest wants is in the first observation, though, step by step.

    Args:
        position: of the game now.
        mistakes: chance, each turn, of another command that works here and leaves a way to win.
        seed: of the mistakes.
    """

    def __init__(self, position: Callable[[], Position], *, mistakes: float = 0.0, seed: int = 0) -> None:
        self.last_was_mistake = False
        self._position, self._mistakes, self._random = position, mistakes, random.Random(seed)

    def act(self, observation: str) -> str:
        """The next command."""
        position = self._position()
        best = solution(position)[0]
        mistake = self._mistake(position, best) if self._random.random() < self._mistakes else None
        self.last_was_mistake = mistake is not None
        return mistake or best

    def _mistake(self, position: Position, best: str) -> str | None:
        """None where there is none to make."""
        others = [command for command in position.admissible_commands() if command != best]
        self._random.shuffle(others)
        return next((command for command in others if _winnable_after(position, command)), None)


def _winnable_after(position: Position, command: str) -> bool:
    reply = Interpreter().play(position.copy(), command)
    return not reply.won and not reply.lost and reply.position.policy is not None
