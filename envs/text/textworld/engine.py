"""Play TextWorld games as values: a `Position` goes in, the next one comes out.

The z-machine (Jericho's Frotz) is only a function here. Its whole memory, some 35 kB, is read after each command and
written before the next, which takes 10 microseconds each and makes copies of a position free. Beside it runs
TextWorld's logical model of the world, fed as TextWorld's own wrapper feeds it: by the action trace that the game
prints. A test plays both side by side.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from agentrl.envs.text.textworld.commands import refusal
from agentrl.errors import CorruptFileError, MissingExtraError

try:
    import jericho
    from textworld.generator.game import Game, GameProgression
    from textworld.generator.inform7 import Inform7Game
except ModuleNotFoundError as error:
    raise MissingExtraError("textworld", "text") from error

Action = Any  # textworld.logic.Action
Memory = Any  # what FrotzEnv.get_state returns; never changed in place

_STATUS_LINE = re.compile(r"\n>[^\n]*\Z")
_BANNER = re.compile(r"\A(?:[ _|\\/$<>]*\n)+")
_EPILOGUE = re.compile(r"\n+Would you like to RESTART, .*\Z", re.DOTALL)
_COUNTERS = re.compile(r"<score>\n(-?\d+)\n</score>(?:<moves>\n\d+\n</moves>)?")
_TRACE = re.compile(r"\[([^]]+)\]\n?")
_BLANK_LINES = re.compile(r"\n\s*\n\s*\n+")
_SUCCEEDED = " - succeeded"


@dataclass(frozen=True, slots=True)
class Story:
    """A loaded game file."""

    path: str
    game: Any
    inform: Any
    walkthrough: tuple[str, ...]
    max_score: int


@dataclass(frozen=True, slots=True)
class Position:
    """A point of a game. `model` is the only part that changes in place: `copy` before playing on."""

    story: Story
    memory: Memory
    model: Any
    """textworld's GameProgression."""
    score: int
    policy: tuple[Action, ...] | None
    """What TextWorld holds to be the way to win from here; None where it knows none."""
    trail: tuple[Action, ...] = ()
    """Every action so far that changed the world."""
    way: int = 1
    """Length of `policy` at the beginning."""
    nearest: int = 1
    """The least that it ever was."""

    def copy(self) -> Position:
        return replace(self, model=self.model.copy())

    def admissible_commands(self) -> list[str]:
        """Commands that do something here, sorted."""
        return sorted(set(self.story.inform.gen_commands_from_actions(self.model.valid_actions)))


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command led to."""

    text: str
    position: Position
    understood: bool
    """False: the parser made nothing of the command, and no time passed in the game."""
    won: bool = False
    lost: bool = False


_reading = threading.Lock()


def load(path: Path) -> Story:
    """Read a game made by `library.game_file`.

    Raises:
        CorruptFileError: one of the two files is missing or damaged.
    """
    with _reading:  # the first game makes TextWorld parse its own rules, by a parser that all threads share
        return _read(path)


@lru_cache(maxsize=64)
def _read(path: Path) -> Story:
    try:
        game = Game.load(str(path.with_suffix(".json")))
    except (OSError, ValueError, KeyError) as error:
        raise CorruptFileError(path.with_suffix(".json"), f"{error}; delete the folder and it is made again") from error
    if not path.is_file():
        raise CorruptFileError(path, "missing; delete the folder and it is made again")
    walkthrough = tuple(game.metadata.get("walkthrough") or ())
    return Story(str(path), game, Inform7Game(game), walkthrough, int(game.max_score))


class Interpreter:
    """A z-machine. Not thread-safe; each environment has its own."""

    def __init__(self) -> None:
        self._frotz: Any = None
        self._path = ""

    def begin(self, story: Story) -> tuple[str, Position]:
        """Start a game; returns its opening text."""
        frotz = self._load(story)
        opening, _ = frotz.reset()
        for order in ("tw-extra-infos score", "tw-trace-actions"):
            frotz.step(order)
        model = GameProgression(story.game)
        opening = _BANNER.sub("", _STATUS_LINE.sub("", opening))
        policy = model.winning_policy
        way = len(policy or "?")
        return _tidy(opening), Position(story, frotz.get_state(), model, 0, policy, way=way, nearest=way)

    def play(self, position: Position, command: str) -> Reply:
        """Carry out a command. `position.model` moves on with it."""
        if complaint := refusal(command):
            return Reply(complaint, position, understood=False)
        frotz = self._load(position.story)
        frotz.set_state(position.memory)
        raw, *_ = frotz.step(command)
        text = _STATUS_LINE.sub("", raw)
        events = _TRACE.findall(text)
        text = _TRACE.sub("", text)
        counters = _COUNTERS.search(text)
        text = _COUNTERS.sub("", text)
        if not events:
            return Reply(_tidy(text), replace(position, memory=frotz.get_state()), understood=False)
        done = [a for event in events if (a := _changed(position, event)) is not None]
        policy = position.model.winning_policy if done else position.policy
        won, lost = "*** The End ***" in text, "*** You lost! ***" in text
        after = replace(
            position,
            memory=frotz.get_state(),
            score=int(counters[1]) if counters else position.score,
            policy=policy,
            trail=(*position.trail, *done),
            nearest=0 if won else position.nearest if policy is None else min(position.nearest, len(policy)),
        )
        return Reply(_tidy(_EPILOGUE.sub("", text)), after, understood=True, won=won, lost=lost)

    def _load(self, story: Story) -> Any:
        if self._path != story.path:
            # A fresh one, because Frotz keeps the file of every game it ever played.
            self._frotz = jericho.FrotzEnv(story.path, seed=1)
            self._path = story.path
        return self._frotz


def _changed(position: Position, event: str) -> Action | None:
    """Apply one traced event to the model; returns the action if it changed the world."""
    name, succeeded, _ = event.partition(_SUCCEEDED)
    if not succeeded or "(" in name or ")" in name:  # "(1) taking the key" is a part of another action
        return None
    action = position.story.inform.detect_action(name, position.model.valid_actions)
    if action is not None:
        position.model.update(action)
    return action


def _tidy(text: str) -> str:
    return _BLANK_LINES.sub("\n\n", text).strip()
