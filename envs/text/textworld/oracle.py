"""How to win from anywhere: candidates are played out on a copy, and the first that wins is the answer."""

from __future__ import annotations

from collections.abc import Iterator

from agentrl.envs.text.textworld.engine import Interpreter, Position
from agentrl.errors import AgentRLError


class NoSolutionError(AgentRLError, RuntimeError):
    """No way to win is known from this point of the game."""


def solution(position: Position) -> list[str]:
    """Commands that win the game from `position`, which is left as it is.

    Raises:
        NoSolutionError: none of the candidates wins.
    """
    interpreter = Interpreter()
    for commands in _candidates(position):
        here = position.copy()
        for count, command in enumerate(commands, 1):
            reply = interpreter.play(here, command)
            here = reply.position
            if reply.won:
                return commands[:count]
            if reply.lost:
                break
    raise NoSolutionError(f"{position.story.path}: no way to win is known from here; reset, or restore a snapshot")


def _candidates(position: Position) -> Iterator[list[str]]:
    story = position.story
    commands = story.inform.gen_commands_from_actions
    if not position.trail and story.walkthrough:
        yield list(story.walkthrough)
    if position.policy:
        yield commands(position.policy)
    # Walk back to the start, leaving out what cannot be undone, and take the walkthrough from there.
    back = [r for a in reversed(position.trail) if (r := story.game.kb.get_reverse_action(a)) is not None]
    yield [*commands(back), *story.walkthrough]
